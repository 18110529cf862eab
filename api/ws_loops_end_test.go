package api

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/topics/topic"
)

// flood publishes without a pause until the connection ends, unless too many are not
// answered: each answer is to be taken from the channel.
func (c *wsClient) flood() (answered <-chan struct{}) {
	underway := make(chan struct{}, 100)
	go func() {
		for c.Write(c.ctx, websocket.MessageText, []byte(`{"op":"publish","topic":"t","records":[{}]}`)) == nil {
			select {
			case underway <- struct{}{}:
			case <-c.ctx.Done():
				return
			}
		}
	}()
	return underway
}

// The client of a key that is revoked is sent away, even if it never pauses.
func TestLoopedSocketOfARevokedKey(t *testing.T) {
	parse := func(keys string) *auth.Keys {
		parsed, err := auth.Parse(keys)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	s := serveReal(t, func(o *Options) { o.Keys = parse("writes:w,stays:w") }, hotSockets)
	c := s.dial(t, "Authorization", "Bearer writes")
	answered := c.flood()
	for range 500 {
		c.want("ack")
		<-answered
	}
	s.ReplaceKeys(parse("stays:w"))
	m := c.hear()
	for m.Op == "ack" {
		<-answered
		m = c.hear()
	}
	if m.Code != "unauthorized" {
		t.Errorf("the last words: %s", m.raw)
	}
	c.wantClosed(websocket.StatusPolicyViolation)
}

// fragileEngine panics when a publish with this topic begins.
type fragileEngine struct{ Engine }

func (e fragileEngine) Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error) {
	if name == "fragile" {
		panic("as the test wants")
	}
	return e.Engine.Begin(ctx, name, w)
}

// A panic in a loop ends the socket that it happens in. What was begun for it before is
// written, and the loop goes on.
func TestLoopedSocketPanics(t *testing.T) {
	s := serveReal(t, nil, hotSockets)
	s.Open(fragileEngine{s.parts()})
	other := s.dial(t)
	for range 3 {
		conn, r := s.rawDial(t)
		var all []byte
		for _, x := range []string{"t", "t", "fragile", "t"} {
			all = append(all, maskedText(`{"op":"publish","topic":"`+x+`","records":[{}]}`)...)
		}
		if _, err := conn.Write(all); err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(r)
		waitFor(t, func() bool { return s.sockets.Count() == 1 })
		other.say(`{"op":"publish","topic":"other","records":[{}]}`)
		other.want("ack")
	}
	if st, err := s.registry.State("t", false); err != nil || st.Head != 6 {
		t.Errorf("%d are written, %v", st.Head, err)
	}
}

// However and whenever sockets end, each publish that is acknowledged is there.
func TestLoopedSocketsEnd(t *testing.T) {
	s := serveReal(t, nil, hotSockets)
	s.put(t, "t", `{"durability":"fsync"}`)
	rng := rand.New(rand.NewPCG(1, 6))
	acked := uint64(0)
	for range 20 {
		c := s.dial(t)
		so := s.sockets.List()[0]
		answered := c.flood()
		for range 1 + rng.IntN(100) {
			acked = max(acked, c.want("ack").Last)
			<-answered
		}
		switch rng.IntN(3) {
		case 0:
			so.Cut()
		case 1:
			view := s.sockets.Views(func(*auth.Key) bool { return true })[0]
			_ = do(s, "POST", "/v0/admin/sessions/"+view.ID+"/close", "", "X-Confirm", "true")
		case 2:
			_ = c.CloseNow()
		}
		for {
			m, err := c.listen()
			if err != nil {
				break
			}
			acked = max(acked, m.Last)
		}
		<-s.sockets.Empty()
	}
	if st, err := s.registry.State("t", false); err != nil || st.Head < acked {
		t.Errorf("%d are written, and %d acknowledged: %v", st.Head, acked, err)
	}
}
