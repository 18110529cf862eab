package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// exampleServer returns a server that gives canned answers.
func exampleServer() (url string, stop func()) {
	mux := http.NewServeMux()
	for pattern, body := range map[string]string{
		"POST /v0/topics/orders":      `{"topic":"orders","first_seq":8,"last_seq":8,"seqs":[8],"head_seq":8,"count":1}`,
		"POST /v0/topics/orders/diff": `{"topic":"orders","records":[{"$seq":8,"$ts":1,"data":{"total": 12.50}}],"next_from_seq":8,"head_seq":8,"earliest_seq":1,"caught_up":true}`,
		"GET /v0/topics":              `{"topics":[{"topic":"alerts","head_seq":2},{"topic":"orders","head_seq":8}]}`,
		"PUT /v0/routers/copies":      `{"router":"copies","created":true}`,
		"POST /v0/watch":              `{"wid":"wid_1","stream_url":"/v0/watch/wid_1","topics":{"orders":{"from_seq":3}}}`,
		"GET /v0/watch/wid_1": "event: tombstone\nid: a\ndata: {\"topic\":\"orders\",\"reason\":\"cap\",\"gap_from\":4,\"gap_to\":6}\n\n" +
			"event: record\nid: b\ndata: {\"topic\":\"orders\",\"records\":[{\"$seq\":7,\"data\":1},{\"$seq\":8,\"data\":2}],\"from_seq\":6,\"to_seq\":8,\"head_seq\":8}\n\n" +
			"event: caught-up\nid: b\ndata: {\"topic\":\"orders\",\"head_seq\":8}\n\n",
		"GET /v0/topics/mail/work": "event: job\nid: 1\ndata: {\"topic\":\"mail\",\"$seq\":1,\"lease_id\":\"lease_1\",\"deadline\":9,\"deliveries\":1,\"$ts\":1,\"data\":{\"to\":\"a@example.org\"}}\n\n" +
			"event: topic-deleted\ndata: {\"topic\":\"mail\",\"reason\":\"deleted\"}\n\n",
		"POST /v0/topics/mail/ack": `{"topic":"mail","acked":1,"skipped":[],"reasons":{},"ready":0,"in_flight":0}`,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
	}
	mux.HandleFunc("POST /v0/topics/taken", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"error":{"code":"seq_mismatch","message":"the head is 9","detail":{"expected":8,"head_seq":9}}}`)
	})
	srv := httptest.NewServer(mux)
	return srv.URL, srv.Close
}

func ExampleClient_Append() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{RetryFor: time.Minute})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	tag := "order-7731"
	written, err := c.Append(context.Background(), "orders", &client.Write{
		Entries:        []client.Entry{{Data: json.RawMessage(`{"total": 12.50}`), Tag: &tag}},
		IdempotencyKey: "order-7731",
	})
	fmt.Println(written.LastSeq, err)
	// Output: 8 <nil>
}

func ExampleClient_Diff() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	batch, err := c.Diff(context.Background(), "orders", client.Query{From: 7, Wait: 10 * time.Second})
	if err != nil {
		panic(err)
	}
	if batch.Tombstone != nil {
		fmt.Println("lost", batch.Tombstone.GapFrom, batch.Tombstone.GapTo)
	}
	for _, r := range batch.Records {
		fmt.Println(r.Seq, string(r.Data))
	}
	// Output: 8 {"total": 12.50}
}

func ExampleClient_Watch() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{RetryFor: time.Minute})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	seen := uint64(3)
watch:
	for event, err := range c.Watch(context.Background(), client.Watch{Topics: map[string]client.Start{"orders": {From: seen}}}) {
		if err != nil {
			panic(err)
		}
		switch e := event.(type) {
		case client.Records:
			for _, r := range e.Records {
				fmt.Println("record", r.Seq, string(r.Data))
			}
			seen = e.To
		case client.Tombstone:
			fmt.Println("lost", e.GapFrom, "to", e.GapTo, e.Reason)
		case client.CaughtUp:
			fmt.Println("that is all up to", e.Head)
			break watch
		case client.TopicDeleted:
			fmt.Println("gone", e.Topic)
		}
	}
	// Output:
	// lost 4 to 6 cap
	// record 7 1
	// record 8 2
	// that is all up to 8
}

func ExampleClient_Topics() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	for topic, err := range c.Topics(context.Background(), "") {
		if err != nil {
			panic(err)
		}
		fmt.Println(topic.Topic, topic.HeadSeq)
	}
	// Output:
	// alerts 2
	// orders 8
}

func ExampleClient_PutRouter() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	created, err := c.PutRouter(context.Background(), "copies", client.Router{
		Source: "orders", Dest: "audit", Filter: []string{"tag", "Glob", "order-*"},
	})
	fmt.Println(created, err)
	// Output: true <nil>
}

func ExampleError() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	head := uint64(8)
	_, err = c.Append(context.Background(), "taken", &client.Write{Entries: []client.Entry{{}}, ExpectedHead: &head})
	var refused *client.Error
	if errors.As(err, &refused) && refused.Code == client.CodeSeqMismatch {
		now, _ := refused.Uint("head_seq")
		fmt.Println("another writer was faster: the head is", now)
	}
	// Output: another writer was faster: the head is 9
}

func ExampleClient_Work() {
	url, stop := exampleServer()
	defer stop()
	c, err := client.New(url, client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	errMailbox, errBusy := errors.New("no such mailbox"), errors.New("busy")
	send := func(mail json.RawMessage) error {
		fmt.Println("sent", string(mail))
		return nil
	}
	err = c.Work(context.Background(), "mail", func(_ context.Context, job *client.Job) error {
		err := send(job.Data)
		switch {
		case errors.Is(err, errMailbox):
			return client.Reject(err) // to the dead letters now
		case errors.Is(err, errBusy):
			return client.Retry(time.Minute, err) // in place of the queue's back-off
		}
		return err // nil acks
	}, client.WorkOptions{Parallel: 8, Lease: 10 * time.Second})
	fmt.Println(err)
	// Output:
	// sent {"to":"a@example.org"}
	// server answered 404 topic_not_found: queue "mail" was deleted
}
