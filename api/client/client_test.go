package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAppendSendsPayloadsVerbatim(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 201, body: `{"first_seq":1,"last_seq":3,"seqs":[1,2,3],"head_seq":3,"count":3,"created":true}`})
	tag, node, head, create := "a\"b", "n-1", uint64(0), true
	got, err := c.Append(context.Background(), "render:a", &Write{
		Entries: []Entry{
			{Data: json.RawMessage(`{"z": 1.0,"a":"\u0041<&>","a":2}`), Tag: &tag, Node: &node, Meta: json.RawMessage(`{ "m":1e2 }`)},
			{},
			{Raw: json.RawMessage(`{"data":  [1 ,2]}`)},
		},
		Node:           "default",
		IdempotencyKey: "k",
		ExpectedHead:   &head,
		Create:         &create,
		Config:         &Config{Durability: "fsync"},
		OmitSeqs:       true,
	})
	if err != nil || got.LastSeq != 3 || got.Count != 3 || !got.Created {
		t.Fatalf("%+v %v", got, err)
	}
	want := `{"records":[{"data":{"z": 1.0,"a":"\u0041<&>","a":2},"tag":"a\"b","node":"n-1","meta":{ "m":1e2 }},` +
		`{"data":null},{"data":  [1 ,2]}],"node":"default","idempotency_key":"k","expected_head_seq":0,"create":true,` +
		`"config":{"durability":"fsync"}}`
	if s.bodies[0] != want {
		t.Errorf("sent\n%s\nwant\n%s", s.bodies[0], want)
	}
	r := s.requests[0]
	if r.URL.String() != "http://server:4000/v0/topics/render:a?return_seqs=false" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("sent to %s as %s", r.URL, r.Header.Get("Content-Type"))
	}
}

func TestDiffKeepsRecordsVerbatim(t *testing.T) {
	raw := `{"$seq":7,"$ts":9,"$node":"n","$tag":"","data":{"b": 1.50,"b":"\u00e9"},"meta":{"k":1E1}}`
	c, s := scripted(t, 0, answer{status: 200, body: `{"records":[` + raw + `],"next_from_seq":7,"head_seq":9,"earliest_seq":7,` +
		`"caught_up":false,"lag":2,"tombstone":{"gap_from":1,"gap_to":6,"reason":"cap","missed_estimate":6,"earliest_seq":7,"head_seq":9}}`})
	b, err := c.Diff(context.Background(), "t", Query{Limit: 1, Wait: time.Second, Nodes: []string{"me"}, IncludeTags: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"from_seq":0,"limit":1,"wait_ms":1000,"node":["me"],"include_tags":true,"include_meta":true}`; s.bodies[0] != want {
		t.Errorf("asked %s, want %s", s.bodies[0], want)
	}
	r := b.Records[0]
	if r.Seq != 7 || r.TS != 9 || *r.Node != "n" || *r.Tag != "" || string(r.Data) != `{"b": 1.50,"b":"\u00e9"}` ||
		string(r.Meta) != `{"k":1E1}` || string(r.Raw) != raw {
		t.Errorf("record %+v", r)
	}
	if b.Tombstone == nil || b.Tombstone.GapTo != 6 || b.Tombstone.Reason != "cap" || b.NextFrom != 7 || b.Lag != 2 {
		t.Errorf("batch %+v", b)
	}
}

func TestErrorsAreTyped(t *testing.T) {
	for _, tt := range []struct {
		answer answer
		want   Error
	}{
		{answer{status: 409, body: envelope("seq_mismatch")}, Error{Status: 409, Code: "seq_mismatch", Message: "why"}},
		{answer{status: 503, header: "3", body: envelope("not_ready")}, Error{Status: 503, Code: "not_ready", Message: "why", RetryAfter: 3 * time.Second}},
		{answer{status: 502, body: "<html>"}, Error{Status: 502, Message: "Bad Gateway"}},
	} {
		c, _ := scripted(t, 0, tt.answer)
		_, err := c.State(context.Background(), "t")
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is not an *Error", err)
		}
		if e.Status != tt.want.Status || e.Code != tt.want.Code || e.Message != tt.want.Message || e.RetryAfter != tt.want.RetryAfter {
			t.Errorf("got %+v, want %+v", e, tt.want)
		}
		if head, ok := e.Uint("head_seq"); e.Code != "" && (!ok || head != 1<<64-1) {
			t.Errorf("head_seq lost its precision: %d", head)
		}
		if e.Code != "" && !IsCode(err, e.Code) || IsCode(err, "other") {
			t.Errorf("IsCode is wrong about %v", err)
		}
	}
}

func TestRetriesOnlyWhatIsSafe(t *testing.T) {
	ok := answer{status: 200, body: `{"first_seq":1,"last_seq":1}`}
	for _, tt := range []struct {
		name  string
		first answer
		key   string
		tries int
	}{
		{"throttled", answer{status: 429, body: envelope("throttled")}, "", 2},
		{"not ready", answer{status: 503, body: envelope("not_ready")}, "", 2},
		{"shutting down", answer{status: 503, body: envelope("shutting_down")}, "", 2},
		{"unknown outcome without a key", answer{status: 503, body: envelope("storage_unavailable")}, "", 1},
		{"unknown outcome with a key", answer{status: 503, body: envelope("storage_unavailable")}, "k", 2},
		{"broken connection without a key", answer{drop: true}, "", 1},
		{"broken connection with a key", answer{drop: true}, "k", 2},
		{"a proxy without a server, without a key", answer{status: 502, body: "<html>"}, "", 1},
		{"a proxy without a server, with a key", answer{status: 502, body: "<html>"}, "k", 2},
		{"a proxy that gave up, with a key", answer{status: 504, body: "<html>"}, "k", 2},
		{"refused for good", answer{status: 409, body: envelope("seq_mismatch")}, "k", 1},
		{"disk full", answer{status: 507, body: envelope("insufficient_storage")}, "k", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := scripted(t, time.Minute, tt.first, ok)
				_, err := c.Append(t.Context(), "t", &Write{Entries: []Entry{{}}, IdempotencyKey: tt.key})
				if len(s.requests) != tt.tries || (err == nil) != (tt.tries == 2) {
					t.Errorf("%d attempts, %v; want %d", len(s.requests), err, tt.tries)
				}
				if tt.tries == 2 && s.bodies[0] != s.bodies[1] {
					t.Errorf("the repeat differs: %s, %s", s.bodies[0], s.bodies[1])
				}
			})
		})
	}
}

func TestRetryWaitsAsAskedAndEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := scripted(t, time.Minute, answer{status: 503, header: "7", body: envelope("not_ready")}, answer{status: 200, body: `{}`})
		began := time.Now()
		if _, err := c.State(t.Context(), "t"); err != nil || len(s.requests) != 2 {
			t.Fatal(err, len(s.requests))
		}
		if d := time.Since(began); d != 7*time.Second {
			t.Errorf("waited %s, the server had asked for 7s", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, s := scripted(t, 10*time.Second, answer{drop: true})
		retries := 0
		c.retrying = func(error) { retries++ }
		began := time.Now()
		_, err := c.State(t.Context(), "t")
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "gave up after 10s") {
			t.Errorf("error %v", err)
		}
		if d := time.Since(began); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("gave up after %s", d)
		}
		// The pauses double from 50 ms to 2 s and are shortened by at most half, so
		// there are never more than 20 attempts.
		if retries != len(s.requests)-1 || len(s.requests) < 8 || len(s.requests) > 20 {
			t.Errorf("%d attempts, %d retries", len(s.requests), retries)
		}
	})
}

func TestAttemptsEnd(t *testing.T) {
	stuck := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer srv.Close()
	defer close(stuck)
	c, err := New(srv.URL, Options{Timeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Health(context.Background()); err == nil || !strings.Contains(err.Error(), "no answer within 10ms") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Health(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestReadinessIsAnAnswer(t *testing.T) {
	c, _ := scripted(t, 0,
		answer{status: 503, header: "1", body: `{"error":{"code":"not_ready","message":"WAL replay in progress","detail":` +
			`{"replay_progress":0.62,"phase":"replaying","bytes_done":62,"bytes_total":100,"records":5,"eta_ms":38}}}`},
		answer{status: 200, body: `{"status":"ready","topics":42,"checks":{"recovery":"ok"}}`},
	)
	var seen []Readiness
	if err := c.WaitReady(context.Background(), func(r Readiness) { seen = append(seen, r) }); err != nil {
		t.Fatal(err)
	}
	if r := seen[0]; r.Ready || r.Phase != "replaying" || r.ReplayProgress != 0.62 || r.BytesTotal != 100 || r.ETA != 38*time.Millisecond || r.RetryAfter != time.Second {
		t.Errorf("first %+v", r)
	}
	if r := seen[1]; !r.Ready || r.Topics != 42 || r.ReplayProgress != 1 || r.Checks["recovery"] != "ok" {
		t.Errorf("second %+v", r)
	}
	c, s := scripted(t, 0, answer{status: 503, body: `{"error":{"code":"not_ready","message":"bad frame","detail":{"phase":"failed"}}}`})
	if err := c.WaitReady(context.Background(), nil); !IsCode(err, CodeNotReady) || len(s.requests) != 1 {
		t.Errorf("a failed recovery was waited for: %v", err)
	}
}

func TestTopicsAndProbes(t *testing.T) {
	var asked atomic.Pointer[string]
	mux := http.NewServeMux()
	for pattern, body := range map[string]string{
		"PUT /v0/topics/{t}":    `{"created":true}`,
		"DELETE /v0/topics/{t}": `{"deleted":true}`,
		"GET /v0/topics/{t}":    `{"topic":"a b","head_seq":3,"count":2,"config":{"durability":"fsync"}}`,
		"GET /v0/health":        `{"status":"ok","version":"0.1.0","uptime_ms":5}`,
		"GET /v0/metrics":       "topics_ready 1\n",
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			uri := r.URL.RequestURI()
			asked.Store(&uri)
			io.WriteString(w, body)
		})
	}
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c, err := New(srv.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	if created, err := c.PutTopic(ctx, "a b", Config{TTLMS: 5}); err != nil || !created || *asked.Load() != "/v0/topics/a%20b" {
		t.Error(created, err, *asked.Load())
	}
	if s, err := c.State(ctx, "a b"); err != nil || s.HeadSeq != 3 || s.Config.Durability != "fsync" || *asked.Load() != "/v0/topics/a%20b?touch=false" {
		t.Error(s, err, *asked.Load())
	}
	if deleted, err := c.DeleteTopic(ctx, "a", true); err != nil || !deleted || *asked.Load() != "/v0/topics/a?if_empty=true" {
		t.Error(deleted, err, *asked.Load())
	}
	if h, err := c.Health(ctx); err != nil || h.Status != "ok" || h.UptimeMS != 5 {
		t.Error(h, err)
	}
	if m, err := c.Metrics(ctx); err != nil || m != "topics_ready 1\n" {
		t.Error(m, err)
	}
}

func TestAddressIsChecked(t *testing.T) {
	for _, bad := range []string{"", "localhost:4000", "ftp://x", "http://", "http://[::1"} {
		if _, err := New(bad, Options{}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
