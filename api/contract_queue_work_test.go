package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/session"
)

// job reads the next event, which must be a job with this seq.
func (c *sseClient) job(seq uint64) claimedJob {
	c.t.Helper()
	var j claimedJob
	ev := c.want("job", "")
	if err := json.Unmarshal([]byte(ev.data), &j); err != nil || j.Seq != seq || j.Topic != "q" {
		c.t.Fatalf("got %+v, want the job %d", ev, seq)
	}
	return j
}

func (s *contractServer) work(query string, header ...string) *sseClient {
	s.t.Helper()
	return openStream(s.t, s.client, "http://"+s.addr+"/v0/topics/q/work?"+query, 200, header...).opening()
}

// G17 and case 33: a stream has at most max jobs, refills at once, and gives all
// back when it ends; it owns what it took, and no more.
func TestContractWork(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		a := s.work("node=w1&max=2", "Last-Event-ID", "50")
		if h := a.resp.Header; h.Get("Content-Type") != "text/event-stream; charset=utf-8" || h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" {
			t.Errorf("header %v", h)
		}
		s.enqueue("q", "", "", "", `"priority":-1`)
		first := a.job(1)
		if first.Deliveries != 1 || string(first.Data) != "0" || a.id != "1" {
			t.Errorf("%+v", first)
		}
		a.job(2)
		s.counts("q", 2, 0, 0, 2)
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[1],"lease_ids":["` + first.Lease + `"]}`, 200, `{"acked":1}`})
		a.job(3)
		// Another stream and a claim of the same node own what they took.
		b := s.work("node=w1&max=1")
		b.job(4)
		s.enqueue("q", "")
		s.claims("q", `{"node":"w1"}`, 5)
		s.counts("q", 0, 0, 0, 4)
		a.hangUp()
		waitFor(t, func() bool { return s.queueOf("q").Ready == 2 })
		again := s.work("node=w2&max=5")
		if j := again.job(2); j.Deliveries != 2 {
			t.Errorf("%+v", j)
		}
		again.job(3)
		// What is taken from it, it is told of.
		if a := s.send("POST /v0/topics/q/release", `{"seqs":[2]}`, "X-Confirm", "true"); a.status != 200 {
			t.Fatalf("%s", a.body)
		}
		again.want("lost", `"$seq":2,`)
		again.job(2)
		s.walk(step{"POST /v0/topics/q/delete", `{"before_seq":4}`, 200, ``})
		again.want("lost", `"reason":"gone"`)
		again.want("lost", `"reason":"gone"`)
		s.walk(step{"DELETE /v0/topics/q", ``, 200, ``})
		for _, c := range []*sseClient{again, b} {
			ev := c.anything()
			for ev.name == "lost" {
				ev = c.anything()
			}
			if ev.name != "topic-deleted" || ev.data != `{"topic":"q","head_seq":5,"reason":"deleted"}` {
				t.Errorf("%+v", ev)
			}
			c.wantEnd()
		}
	})
}

// An unknown name in the query of a stream is a comment at its beginning.
func TestContractWorkWarnings(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "")
		c := s.work("node=w&lease=500")
		if ev := c.anything(); ev.beat != `warning: query: unknown parameter "lease"; did you mean "lease_ms"?` {
			t.Errorf("%+v", ev)
		}
		c.job(1)
	})
}

// G17: after an expiry a stream gets no further job until its worker shows life.
func TestContractStalledWork(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "", "")
		c := s.work("node=w&max=1&lease_ms=100&heartbeat_ms=1")
		c.job(1)
		if ev := c.want("lost", `"reason":"expired"`); !strings.Contains(ev.data, `"$seq":1,`) {
			t.Errorf("%+v", ev)
		}
		// Nothing but heartbeats, which are a second apart at least.
		if ev := c.anything(); !strings.HasPrefix(ev.beat, "hb ") {
			t.Errorf("%+v", ev)
		}
		s.counts("q", 2, 0, 0, 0)
		s.walk(step{"POST /v0/topics/q/extend", `{"node":"w","seqs":[1]}`, 200, `{"extended":0,"reasons":{"1":"expired"}}`})
		if j := c.job(1); j.Deliveries != 2 {
			t.Errorf("%+v", j)
		}
	})
}

// G17, G18: on drain a stream ends with an error, and its jobs are free.
func TestContractDrainedWork(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "")
		c := s.work("node=w")
		c.job(1)
		s.StopServing()
		c.want("error", `"code":503`)
		c.wantEnd()
		waitFor(t, func() bool { return s.queueOf("q").InFlight == 0 })
	})
}

// G18: what a stream gives back when the server drains goes to no claim that
// waits: its lease would outlive the server.
func TestContractDrainedWorkIsNotHandedOn(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"leases_durable":true`)
		s.enqueue("q", "")
		c := s.work("node=w")
		c.job(1)
		waits := s.waiting(t.Context(), s.line(), `{"node":"v","wait_ms":30000}`)
		s.StopServing()
		if a := <-waits; a == nil || a.status != 200 || a.differs(`{"topic":"q","claimed":[],"count":0}`) != "" {
			t.Fatalf("%+v", a)
		}
		c.want("error", `"code":503`)
		c.wantEnd()
		waitFor(t, func() bool { n := s.queueOf("q"); return n.InFlight == 0 && n.Ready == 1 })
	})
}

// A stream of jobs is an administrator's to see and to end.
func TestContractWorkSessions(t *testing.T) {
	overBothTimed(t, func(o *Options) { o.Limits.MaxStreams = 1 }, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		c := s.work("node=w")
		s.walk(
			step{"GET /v0/topics/q/work?node=w", ``, 429, `{"error":{"code":"throttled","detail":{"limit":"max_sse_connections"}}}`},
			step{"GET /v0/admin/sessions", ``, 200, `{"total":1}`},
		)
		var v struct{ Sessions []session.View }
		if err := json.Unmarshal(s.send("GET /v0/admin/sessions", "").body, &v); err != nil || v.Sessions[0].Kind != "work" {
			t.Fatalf("%+v, %v", v, err)
		}
		if a := s.send("POST /v0/admin/sessions/"+v.Sessions[0].ID+"/close", "", "X-Confirm", "true"); a.status != 200 {
			t.Fatalf("%s", a.body)
		}
		c.want("error", `"error":"session_closed"`)
		c.wantEnd()
	})
}

// The same over a WebSocket, with the same shapes.
func TestContractSocketJobs(t *testing.T) {
	real := serveReal(t, nil, nil)
	real.put(t, "q", `{"type":"queue"}`)
	real.put(t, "log", `{}`)
	c := real.dial(t)
	// A claim that waits holds nothing up.
	c.say(`{"op":"claim","request_id":1,"topic":"q","node":"w","max":5,"wait_ms":30000}`)
	c.say(`{"op":"ping"}`)
	c.want("pong")
	c.say(`{"op":"publish","request_id":2,"topic":"q","records":[{"data":1,"group":"g","delay_ms":0},{"data":2,"unique_key":"k"}]}`)
	byID := map[string]*wsMessage{}
	for range 2 {
		m := c.hear()
		byID[string(m.ID)] = m
	}
	claimed := (&answer{body: []byte(byID["1"].raw)}).claimed()
	if byID["1"].Op != "claimed" || len(claimed) != 2 || claimed[0].Group != "g" || byID["2"].Op != "ack" {
		t.Fatalf("%+v", byID)
	}
	c.say(`{"op":"extend","request_id":3,"topic":"q","node":"w","seqs":[1,9],"lease_ms":60000}`)
	if m := c.want("extended"); !strings.Contains(m.raw, `"request_id":3,"topic":"q","extended":1,"skipped":[9],"reasons":{"9":"unknown"},"deadlines":{"1":`) {
		t.Errorf("%s", m.raw)
	}
	c.say(`{"op":"nack","topic":"q","node":"w","seqs":[1],"delay_ms":0}`)
	if m := c.want("nacked"); !strings.Contains(m.raw, `"nacked":1,"skipped":[],"reasons":{},"ready":1,"in_flight":1`) {
		t.Errorf("%s", m.raw)
	}
	c.say(`{"op":"ack","topic":"q","node":"w","seqs":[2],"then":[{"topic":"log","records":[{"data":"next"}]}]}`)
	if m := c.want("acked"); !strings.Contains(m.raw, `"acked":1,`) || !strings.Contains(m.raw, `"then":[{"topic":"log","first_seq":1,`) {
		t.Errorf("%s", m.raw)
	}
	// A stream.
	c.say(`{"op":"work","request_id":4,"topic":"q","node":"w","max":1}`)
	c.want("working")
	if m := c.want("job"); !strings.Contains(m.raw, `{"op":"job","topic":"q","$seq":1,"lease_id":"lease_`) || !strings.Contains(m.raw, `"deliveries":2`) {
		t.Errorf("%s", m.raw)
	}
	c.say(`{"op":"work","topic":"q","node":"w"}`)
	c.want("error")
	if w := do(real, "POST", "/v0/topics/q/release", `{"seqs":[1]}`, "X-Confirm", "true"); w.Code != 200 {
		t.Fatal(w.Body)
	}
	c.want("lost")
	c.want("job")
	c.say(`{"op":"stop","request_id":5,"topic":"q"}`)
	if m := c.want("stopped"); m.raw != `{"op":"stopped","request_id":5,"topic":"q","reason":"asked"}` {
		t.Errorf("%s", m.raw)
	}
	waitFor(t, func() bool { st, _ := real.registry.State("q", false); return st.Queue.Ready == 1 })
	// The end of the queue, and of the socket.
	c.say(`{"op":"work","topic":"q","node":"w"}`)
	c.want("working")
	c.want("job")
	if w := do(real, "DELETE", "/v0/topics/q", ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for m := c.hear(); m.Op != "stopped"; m = c.hear() {
		if m.Op != "lost" {
			t.Fatalf("%s", m.raw)
		}
	}
	real.put(t, "q", `{"type":"queue"}`)
	real.write(t, "q", `1`)
	c.say(`{"op":"work","topic":"q","node":"w"}`)
	c.want("working")
	c.want("job")
	_ = c.CloseNow()
	waitFor(t, func() bool { st, _ := real.registry.State("q", false); return st.Queue.Ready == 1 })
}

// When the server drains, claims of a socket that wait are answered, then it is
// closed.
func TestContractDrainedSocketClaims(t *testing.T) {
	real := serveReal(t, nil, nil)
	s := &contractServer{realServer: real, t: t}
	real.put(t, "q", `{"type":"queue"}`)
	line := s.line()
	c := real.dial(t)
	c.say(`{"op":"claim","topic":"q","node":"w","wait_ms":30000}`)
	<-line
	go real.down()
	if m := c.want("claimed"); !strings.Contains(m.raw, `"claimed":[],"count":0`) {
		t.Errorf("%s", m.raw)
	}
	if m := c.want("error"); m.Code != "shutting_down" {
		t.Errorf("%s", m.raw)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, _, _ = c.Read(ctx)
}

// However many jobs a claim or a stream may take, one delivery of them holds no
// more memory than a read: the rest goes back uncounted, or follows.
func TestContractLargeJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		const n = 20
		for range n {
			a := s.send("POST /v0/topics/q", `{"records":[{"data":"`+strings.Repeat("x", 1<<20-100)+`"}]}`)
			if a.status != 200 {
				t.Fatalf("%s", a.body)
			}
		}
		got := s.send("POST /v0/topics/q/claim", `{"node":"w","max":1000}`).claimed()
		if len(got) < 8 || len(got) > 10 {
			t.Fatalf("%d jobs of a mebibyte in one answer", len(got))
		}
		s.counts("q", n-len(got), 0, 0, len(got))
		c := s.work("node=v&max=1000")
		for seq := uint64(len(got) + 1); seq <= n; seq++ {
			if j := c.job(seq); j.Deliveries != 1 {
				t.Errorf("job %d was delivered %d times", seq, j.Deliveries)
			}
		}
	})
}
