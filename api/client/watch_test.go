package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// watch returns a client of the server f, which is closed with the test.
func watch(t *testing.T, f http.Handler, o Options) *Client {
	t.Helper()
	srv := httptest.NewServer(f)
	c, err := New(srv.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return c
}

// short renders an event in short.
func short(e Event) string {
	switch e := e.(type) {
	case Records:
		var all []string
		for _, r := range e.Records {
			all = append(all, fmt.Sprintf("%s%d", e.Topic, r.Seq))
		}
		return strings.Join(all, " ")
	case Tombstone:
		return fmt.Sprintf("%s lost %d-%d %s", e.Topic, e.GapFrom, e.GapTo, e.Reason)
	case CaughtUp:
		return fmt.Sprintf("%s end %d", e.Topic, e.Head)
	case TopicDeleted:
		return fmt.Sprintf("%s gone %d", e.Topic, e.Head)
	}
	return "nothing"
}

func TestWatchYieldsRecordsOnceAndInOrder(t *testing.T) {
	f := newWatched()
	f.write("a", 4)
	f.write("b", 2)
	c := watch(t, f, Options{})
	var got []string
	for e, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {From: 1}, "b": {Tail: true}}, Match: []string{"tag", "Eq", "x"},
		Limit: 7, MaxBytes: 9, Nodes: []string{"me"}, Heartbeat: 2 * time.Second, Synced: true, OmitMeta: true, IncludeTags: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, short(e))
		if len(got) == 2 {
			f.write("b", 1)
		}
		if len(got) == 4 {
			break
		}
	}
	if s := strings.Join(got, ", "); s != "a2 a3 a4, a end 4, b3, b end 3" {
		t.Errorf("got %s", s)
	}
	want := `{"topics":{"a":{"from_seq":1},"b":{"from_seq":0,"tail":true}},"node":["me"],"match":["tag","Eq","x"],"limit":7,"max_batch_bytes":9,` +
		`"heartbeat_ms":2000,"include_meta":false,"include_tags":true,"include_data":true,"consistency":"strong"}`
	if f.created[0] != want {
		t.Errorf("asked for %s\nwant %s", f.created[0], want)
	}
}

// However often streams break and sessions are forgotten, each record of each
// topic, including topics created meanwhile, arrives once and in order.
func TestWatchResumes(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { resume(t, seed) })
	}
}

func resume(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	f := newWatched()
	f.write("t-1", 1)
	f.write("other", 1)
	f.cut = func(int) (before, after bool) { return rng.IntN(7) == 0, rng.IntN(7) == 0 }
	c, err := New("http://server:4000", Options{RetryFor: time.Minute, HTTP: &http.Client{Transport: inMemory{f}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	load := func() {
		for i := range 200 {
			for _, topic := range []string{"t-1", "other", "t-2"} {
				f.write(topic, 1+i%4)
			}
			if i%60 == 50 {
				f.forget()
			}
			time.Sleep(10 * time.Millisecond)
		}
		// Longer than all pauses together.
		time.Sleep(time.Hour)
		cancel()
	}
	begun := false
	at := map[string]uint64{"t-1": 1} // Tail
	for e, err := range c.Watch(ctx, Watch{
		Topics: map[string]Start{"other": {}}, Prefixes: map[string]Start{"t-": {Tail: true}},
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if !begun { // from here on the start of the tail is known
			begun = true
			go load()
		}
		if r, ok := e.(Records); ok {
			for _, x := range r.Records {
				if at[r.Topic]++; x.Seq != at[r.Topic] || string(x.Data) != fmt.Sprintf(`{"n": %d}`, x.Seq) {
					t.Fatalf("seed %d: %s has %d after %d: %s", seed, r.Topic, x.Seq, at[r.Topic]-1, x.Data)
				}
			}
		}
	}
	if !maps.Equal(at, f.heads) {
		t.Errorf("seed %d: got to %v of %v", seed, at, f.heads)
	}
	if len(f.opened) < 5 || len(f.created) < 2 {
		t.Errorf("seed %d: %d streams of %d sessions test little", seed, len(f.opened), len(f.created))
	}
}

// streams serves the given bodies as streams, one for each connection.
func streams(bodies ...string) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprint(w, `{"wid":"wid_1","topics":{"a":{"from_seq":5}}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, bodies[min(n, len(bodies)-1)])
		n++
	}
}

func TestWatchKeepsItsCursorThroughEverything(t *testing.T) {
	c := watch(t, streams(
		"event: record\nid: x\ndata: {\"topic\":\"a\",\"records\":[{\"$seq\":5,\"data\":1},{\"$seq\":6,\"data\":1}],\"to_seq\":8}\n\n"+
			"event: tombstone\ndata: {\"topic\":\"a\",\"reason\":\"cap\",\"gap_from\":7,\"gap_to\":12}\n\n"+
			"event: tombstone\ndata: {\"topic\":\"a\",\"reason\":\"cap\",\"gap_from\":7,\"gap_to\":12}\n\n"+
			"event: something-else\ndata: {}\n\n"+
			"event: record\ndata: {\"topic\":\"a\",\"records\":[{\"$seq\":12,\"data\":1}],\"to_seq\":12}\n\n"+
			"event: topic-deleted\ndata: {\"topic\":\"a\",\"head_seq\":12,\"reason\":\"deleted\"}\n\n"+
			"event: record\ndata: {\"topic\":\"a\",\"records\":[{\"$seq\":1,\"data\":1}],\"to_seq\":1}\n\n"+
			"event: record\ndata: {\"topic\":\"a\",\"records\":[{\"$seq\":90,\"data\":1}],\"to_seq\":90}\n\n"+
			"event: tombstone\ndata: {\"topic\":\"a\",\"reason\":\"recreated\",\"gap_from\":1,\"gap_to\":3}\n\n"+
			"event: record\ndata: {\"topic\":\"a\",\"records\":[{\"$seq\":4,\"data\":1}],\"to_seq\":4}\n\n"+
			"event: error\ndata: {\"code\":403,\"error\":\"forbidden\",\"message\":\"no more\",\"topic\":\"a\",\"detail\":{\"max\":3}}\n\n"), Options{RetryFor: time.Minute})
	var got []string
	var last error
	for e, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {From: 5}}}) {
		if last = err; err == nil {
			got = append(got, short(e))
		}
	}
	if s := strings.Join(got, ", "); s != "a6, a lost 9-12 cap, a gone 12, a1, a90, a lost 1-3 recreated, a4" {
		t.Errorf("got %s", s)
	}
	var e *Error
	if !errors.As(last, &e) || e.Status != 403 || e.Code != CodeForbidden || e.Message != "no more" || e.Detail["max"] != json.Number("3") || e.Detail["topic"] != "a" {
		t.Errorf("error %v", last)
	}
}
