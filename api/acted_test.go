package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
)

// exhaust takes all the memory of requests until the returned function is called.
func (s *Server) exhaust(t *testing.T) (give func()) {
	t.Helper()
	u := s.bounds.Usage()
	other := callOf(s, s.open)
	if err := other.Take(u.MemoryLimit - u.Memory); err != nil {
		t.Fatal(err)
	}
	return other.Give
}

// An answer that finds no memory becomes a refusal only if nothing was done, or if what
// was done is taken back.
func TestNoRefusalAfterTheAct(t *testing.T) {
	s, _ := openServer(nil)
	defer s.exhaust(t)()
	undone := false
	for _, tc := range []struct {
		what  string
		scope auth.Scope
		undo  func()
		want  int
	}{
		{"a read", auth.Read, nil, http.StatusTooManyRequests},
		{"a write", auth.Write, nil, http.StatusOK},
		{"a change", auth.AdminWrite, nil, http.StatusOK},
		{"a claim", auth.Read | auth.Write, func() { undone = true }, http.StatusTooManyRequests},
	} {
		w := httptest.NewRecorder()
		serve := func(c *call.Call) error {
			c.Undo = tc.undo
			c.Out = append(c.Out, strings.Repeat("x", 10*call.FirstRead)...)
			return nil
		}
		rt := &call.Route{Method: "POST", Pattern: "/test", Kind: call.Data, Scope: tc.scope, Serve: serve}
		s.answer(w, httptest.NewRequest("POST", "/", nil), rt, nil)
		if w.Code != tc.want {
			t.Errorf("%s: %d, want %d", tc.what, w.Code, tc.want)
		}
	}
	if !undone {
		t.Error("the claim was refused and not taken back")
	}
}

// manySeqs is the seqs of a call on more jobs than there are: the answer says of each
// that it was skipped.
func manySeqs() string {
	var b strings.Builder
	for seq := range 1000 {
		fmt.Fprintf(&b, ",%d", seq+1)
	}
	return b.String()[1:]
}

// A call on jobs whose answer finds no memory is refused before it does anything.
func TestJobsAreRefusedBeforeTheAct(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "q", `{"type":"queue"}`)
	if w := do(s, "POST", "/v0/topics/q", `{"records":[{"data":1},{"data":2,"delay_ms":3600000}]}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/v0/topics/q/claim", `{"node":"w"}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	jobs := func() string { return do(s, "GET", "/v0/topics/q/jobs", "").Body.String() }
	state := func() string { return jobs()[:strings.Index(jobs(), `"performance"`)] }
	before := state()
	seqs := manySeqs()
	for _, verb := range []string{"nack", "extend", "promote", "release", "ack"} {
		body := `{"node":"w","seqs":[` + seqs + `]}`
		if verb == "promote" || verb == "release" {
			body = `{"seqs":[` + seqs + `]}`
		}
		give := s.exhaust(t)
		w := do(s, "POST", "/v0/topics/q/"+verb, body, "X-Confirm", "true")
		give()
		wantCode(t, w, http.StatusTooManyRequests, "throttled")
		if got := state(); got != before {
			t.Fatalf("%s was refused and did something:\n%s\nbefore:\n%s", verb, got, before)
		}
	}
	if w := do(s, "POST", "/v0/topics/q/ack", `{"node":"w","seqs":[`+seqs+`]}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"acked":1`) {
		t.Fatalf("with memory: %d %s", w.Code, w.Body)
	}
}

// The same over a WebSocket, whose calls have memory of the streams' share, and there
// so does the answer to a large publish.
func TestSocketsAreRefusedBeforeTheAct(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "q", `{"type":"queue"}`)
	s.put(t, "t", `{}`)
	if w := do(s, "POST", "/v0/topics/q", `{"records":[{"data":1}]}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/v0/topics/q/claim", `{"node":"w"}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := s.dial(t)
	open := s.bounds.Usage().Following
	release, err := callOf(s.Server, s.open).TakeFollowing(s.opts.Limits.StreamBytes/2 - open)
	if err != nil {
		t.Fatal(err)
	}
	records := strings.Repeat(`,{"data":1}`, 1000)[1:]
	for _, message := range []string{
		`{"op":"nack","topic":"q","node":"w","seqs":[` + manySeqs() + `]}`,
		`{"op":"ack","topic":"q","node":"w","seqs":[` + manySeqs() + `]}`,
		`{"op":"publish","topic":"t","records":[` + records + `]}`,
	} {
		c.say("%s", message)
		if m := c.want("error"); !strings.Contains(m.raw, `"stream_bytes"`) {
			t.Fatalf("%.20s: %s", message, m.raw)
		}
	}
	st, err := s.opened().State("q", false)
	if err != nil || st.Queue.InFlight != 1 {
		t.Fatalf("%+v, %v", st.Queue, err)
	}
	if st, err = s.opened().State("t", false); err != nil || st.Head != 0 {
		t.Fatalf("the topic has %d records, %v", st.Head, err)
	}
	release()
	c.say(`{"op":"ack","topic":"q","node":"w","seqs":[%s]}`, manySeqs())
	if m := c.want("acked"); !strings.Contains(m.raw, `"acked":1`) {
		t.Fatalf("with memory: %s", m.raw)
	}
	c.say(`{"op":"publish","topic":"t","records":[%s]}`, records)
	c.want("ack")
	waitFor(t, func() bool { return s.bounds.Usage().Following == open })
}

// deaf is a client that has gone when its answer comes.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, http.ErrHandlerTimeout }

// A watch session whose answer does not reach the client is not kept: no client knows it.
func TestNoSessionWithoutItsAnswer(t *testing.T) {
	s := serveReal(t, nil, nil)
	r := httptest.NewRequest("POST", "/v0/watch", strings.NewReader(`{"prefixes":{"":{}}}`))
	r.Header.Set("Content-Type", "application/json")
	w := deaf{httptest.NewRecorder()}
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if sessions, _ := s.watches.counts(); sessions != 0 {
		t.Errorf("%d sessions are left", sessions)
	}
	if held := s.bounds.Usage().Following; held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}
