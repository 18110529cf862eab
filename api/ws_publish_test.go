package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/socket"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Publishes of one socket have the order they were sent in, and so have their
// answers, refusals among them, whatever the classes of the topics.
func TestSocketPublishesInOrder(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, heat)
		for _, class := range []string{"ephemeral", "memory", "disk", "fsync"} {
			s.put(t, class, `{"durability":"`+class+`"}`)
		}
		c := s.dial(t)
		const n = 1000
		go func() {
			for i := range n {
				x := []string{"fsync", "disk", "ephemeral", "memory"}[i%4]
				message := fmt.Sprintf(`{"op":"publish","topic":"%s","records":[{"data":%d}],"request_id":%d}`, x, i, i)
				switch i % 100 {
				case 50:
					message = fmt.Sprintf(`{"op":"publish","topic":"%s","records":[],"request_id":%d}`, x, i)
				case 51:
					message = fmt.Sprintf(`{"op":"brew","request_id":%d}`, i)
				}
				if c.Write(c.ctx, websocket.MessageText, []byte(message)) != nil {
					return // the reads below say so
				}
			}
		}()
		next := map[string]uint64{}
		for i := range n {
			m := c.hear()
			if string(m.ID) != fmt.Sprint(i) {
				t.Fatalf("answer %d is %s", i, m.raw)
			}
			if i%100 == 50 || i%100 == 51 {
				if m.Op != "error" || m.Code != "invalid_request" {
					t.Fatalf("answer %d is %s", i, m.raw)
				}
				continue
			}
			if next[m.Topic]++; m.Op != "ack" || m.First != next[m.Topic] {
				t.Fatalf("answer %d is %s, want seq %d", i, m.raw, next[m.Topic])
			}
		}
		for x, head := range next {
			batch, err := s.registry.Read(t.Context(), x, &topic.Query{Limit: n, MaxBytes: 1 << 20})
			if err != nil || batch.Head != head {
				t.Fatalf("%s: head %d, %v, want %d", x, batch.Head, err, head)
			}
			last := -1
			for _, r := range batch.Records {
				var v int
				if json.Unmarshal(r.Data, &v); v <= last {
					t.Fatalf("%s: %d behind %d", x, v, last)
				}
				last = v
			}
		}
	})
}

// What is published is visible as soon as its class says, even if the client
// takes no answers; and no more than so many are under way.
func TestSocketPublishesWithoutReading(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, heat)
		s.put(t, "t", `{}`)
		c := s.dial(t)
		const n = 40
		for i := range n {
			c.say(`{"op":"publish","topic":"t","records":[{"data":%d}]}`, i)
		}
		for from := uint64(0); from < n; {
			batch, err := s.registry.Read(c.ctx, "t", &topic.Query{From: from, Limit: n, MaxBytes: 1 << 20, Wait: 1 << 34})
			if err != nil {
				t.Fatal(err)
			}
			from = batch.NextFrom
		}
		for range n {
			c.want("ack")
		}
	})
}

// heldEngine lets publishes begin and counts those that wait for room.
type heldEngine struct {
	Engine
	began atomic.Int64
	room  chan struct{}
}

func (e *heldEngine) Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error) {
	e.began.Add(1)
	select {
	case <-e.room:
		return e.Engine.Begin(ctx, name, w)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A publish that waits for room in the log ends with its connection.
func TestSocketPublishWaitsNoLongerThanItsClient(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, heat)
		held := &heldEngine{Engine: s.parts(), room: make(chan struct{})}
		s.Open(held)
		s.put(t, "t", `{}`)
		c := s.dial(t)
		c.say(`{"op":"publish","topic":"t","records":[{}],"disable_backpressure":true}`)
		waitFor(t, func() bool { return held.began.Load() == 1 })
		s.sockets.List()[0].Cut()
		<-s.sockets.Empty()
		if st, _ := s.registry.State("t", false); st.Head != 0 {
			t.Error("it was written after all")
		}
	})
}

// A key does what it may, and is told what it may not.
func TestSocketKeys(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		keys, err := auth.Parse("reads:r:a:,writes:w:a:,rules:w+a:a:,all")
		if err != nil {
			t.Fatal(err)
		}
		s := serveReal(t, func(o *Options) { o.Keys = keys }, heat)
		for _, name := range []string{"a:1", "b:1"} {
			if w := do(s, "POST", "/v0/topics/"+name, `{"records":[{}]}`, "Authorization", "Bearer all"); w.Code != 201 {
				t.Fatal(w.Body)
			}
		}
		for key, want := range map[string]map[string]string{
			"reads": {
				`"op":"subscribe","topic":"a:1","tail":true`: "subscribed", `"op":"subscribe","topic":"b:1"`: "forbidden",
				`"op":"subscribe","topics":{"a:1":{},"b:1":{}}`: "forbidden",
				`"op":"subscribe","prefixes":{"b":{}}`:          "forbidden", `"op":"subscribe","prefixes":{"a:z":{}}`: "subscribed",
				`"op":"publish","topic":"a:1","records":[{}]`: "forbidden", `"op":"ping"`: "pong",
				`"op":"unsubscribe","topic":"b:1"`: "ack",
			},
			"writes": {
				`"op":"subscribe","topic":"a:1"`: "forbidden", `"op":"subscribe","prefixes":{"a:":{}}`: "forbidden",
				`"op":"publish","topic":"a:1","records":[{}]`: "ack", `"op":"publish","topic":"b:1","records":[{}]`: "forbidden",
				`"op":"publish","topic":"a:2","records":[{}],"config":{}`: "forbidden",
			},
			"rules": {
				`"op":"publish","topic":"a:3","records":[{}],"config":{}`:                                   "ack",
				`"op":"publish","topic":"a:4","records":[{}],"config":{"dead_letter":"b:1"}`:                "forbidden",
				`"op":"publish","topic":"b:4","records":[{}],"config":{}`:                                   "forbidden",
				`"op":"publish","topic":"a:5","records":[{}],"config":{"type":"queue","dead_letter":"a:1"}`: "ack",
			},
		} {
			c := s.dial(t, "Authorization", "Bearer "+key)
			for command, op := range want {
				c.say(`{%s,"request_id":1}`, command)
				m := c.hear()
				for m.ID == nil { // of what is followed
					m = c.hear()
				}
				if m.Op != op && m.Code != op {
					t.Errorf("%s says %s: %s, want %s", key, command, m.raw, op)
				}
			}
			_ = c.CloseNow()
		}
	})
}

// What comes by a prefix is what the key sees.
func TestSocketPrefixOfWhatIsSeen(t *testing.T) {
	keys, err := auth.Parse("part:r:a:x|a:y,all")
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.Keys = keys }, nil)
	c := s.dial(t, "Authorization", "Bearer part")
	c.say(`{"op":"subscribe","prefixes":{"":{}}}`)
	c.want("subscribed")
	for _, name := range []string{"a:z1", "a:x1", "b", "a:y1"} {
		if w := do(s, "POST", "/v0/topics/"+name, `{"records":[{"data":"`+name+`"}]}`, "Authorization", "Bearer all"); w.Code != 201 {
			t.Fatal(w.Body)
		}
	}
	seen := map[string]bool{}
	for len(seen) < 2 {
		if m := c.hear(); m.Op == "record" {
			seen[m.Topic] = true
		}
	}
	if !seen["a:x1"] || !seen["a:y1"] {
		t.Errorf("seen: %v", seen)
	}
}

// A socket has the slot of a stream for as long as it is open.
func TestSocketSlots(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxStreams = 1 }, nil)
	c := s.dial(t)
	_, resp, err := websocket.Dial(c.ctx, "ws://"+s.addr+"/v0/ws", nil)
	if err == nil || resp.StatusCode != 429 {
		t.Fatalf("a second socket: %v, %v", resp, err)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	<-s.sockets.Empty()
	waitFor(t, func() bool { return s.bounds.Usage().Streams == 0 })
	s.dial(t)
}

// A message for which there is no memory is refused, and the next one is not.
func TestSocketBudget(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, func(o *Options) { o.Limits.MaxInflightBytes = 2 << 20 }, heat)
		s.put(t, "t", `{}`)
		c := s.dial(t)
		record := `{"data":"` + strings.Repeat("x", 512<<10) + `"}`
		c.say(`{"op":"publish","topic":"t","records":[%s,%s,%s,%s],"request_id":1}`, record, record, record, record)
		if m := c.want("error"); m.Code != "throttled" || m.Detail["limit"] != "inflight_bytes" {
			t.Errorf("without memory: %s", m.raw)
		}
		c.say(`{"op":"publish","topic":"t","records":[%s],"request_id":2}`, record)
		c.want("ack")
	})
}

// A publish obeys the cap on all that is live.
func TestSocketTotalBytes(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, func(o *Options) { o.Limits.MaxTotalBytes = 100 }, heat)
		s.put(t, "t", `{}`)
		c := s.dial(t)
		c.say(`{"op":"publish","topic":"t","records":[{"data":"%s"}]}`, strings.Repeat("x", 60))
		c.want("ack")
		c.say(`{"op":"publish","topic":"t","records":[{"data":"%s"}]}`, strings.Repeat("x", 60))
		if m := c.want("error"); m.Code != "throttled" || m.Detail["limit"] != "max_total_bytes" {
			t.Errorf("beyond the cap: %s", m.raw)
		}
		c.say(`{"op":"publish","topic":"t","records":[{"data":"%s"}]}`, strings.Repeat("x", 20))
		c.want("ack")
	})
}
