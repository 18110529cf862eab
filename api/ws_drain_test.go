package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/socket"
)

// On drain a client gets the answers to what it has published, is told, and is
// sent away.
func TestSocketDrain(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, heat)
		s.put(t, "t", `{"durability":"fsync"}`)
		c, idle := s.dial(t), s.dial(t)
		idle.say(`{"op":"subscribe","topic":"t"}`)
		idle.want("subscribed")
		idle.want("caught_up")
		const n = 30
		for i := range n {
			c.say(`{"op":"publish","topic":"t","records":[{}],"request_id":%d}`, i)
		}
		c.want("ack")
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.down()
		}()
		acked := uint64(1)
		for i := 1; ; i++ {
			m := c.hear()
			if m.Op == "error" && m.ID == nil {
				if m.Code != "shutting_down" {
					t.Errorf("the last words: %s", m.raw)
				}
				break
			}
			if string(m.ID) != fmt.Sprint(i) || m.Op == "error" && m.Code != "shutting_down" {
				t.Fatalf("answer %d is %s", i, m.raw)
			}
			if m.Op == "ack" {
				acked++
			}
		}
		c.wantClosed(websocket.StatusGoingAway)
		for {
			if m := idle.hear(); m.Op == "error" {
				if m.raw != `{"op":"error","code":"shutting_down","message":"the server is shutting down"}` {
					t.Errorf("the last words: %s", m.raw)
				}
				break
			}
		}
		idle.wantClosed(websocket.StatusGoingAway)
		<-done
		if st, err := s.registry.State("t", false); err != nil || st.Head != acked {
			t.Errorf("%d publishes were acknowledged, %d written: %v", acked, st.Head, err)
		}
	})
}

// The goodbye waits for the publish that is under way.
func TestSocketDrainWaitsForPublishes(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, heat)
		held := &heldEngine{Engine: s.parts(), room: make(chan struct{})}
		s.Open(held)
		c := s.dial(t)
		c.say(`{"op":"publish","topic":"t","records":[{}]}`)
		waitFor(t, func() bool { return held.began.Load() == 1 })
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.down()
		}()
		<-s.ctx.Done()
		s.sockets.List()[0].Wake() // the keeper looks, and looks again
		waitFor(t, func() bool { return !s.sockets.List()[0].State().Nudged })
		close(held.room)
		c.want("ack")
		if m := c.want("error"); m.Code != "shutting_down" {
			t.Errorf("the last words: %s", m.raw)
		}
		c.wantClosed(websocket.StatusGoingAway)
		<-done
	})
}

// A client that does not answer the goodbye is not waited for.
func TestSocketDrainWithoutAnswer(t *testing.T) {
	scaled(t, time.Second, func(t *testing.T, limit time.Duration) error {
		s := serveReal(t, nil, func(timing *socket.Timing) { timing.Farewell = limit }) // in which all of it is sent
		_, r := s.rawDial(t)
		s.down()
		got, _ := io.ReadAll(r)
		if !bytes.Contains(got, []byte("shutting_down")) || !bytes.Contains(got, []byte{0x88}) {
			return fmt.Errorf("the last words: %q", got)
		}
		return nil
	})
}

// When its time is up, Finish cuts what is left.
func TestSocketFinishCuts(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, func(timing *socket.Timing) {
			heat(timing)
			timing.Farewell = time.Hour
		})
		_, r := s.rawDial(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Finish(ctx)
		_, _ = io.ReadAll(r)
		<-s.sockets.Empty()
	})
}
