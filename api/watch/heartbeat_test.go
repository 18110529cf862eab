package watch

import (
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// An event without records postpones the heartbeat as every other event does.
func TestCaughtUpPutsOffTheBeat(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		o := plain()
		m, err := record.ParseMatch("wanted")
		must(t, err)
		o.Match = &m
		s, out := w.session(o)
		defer s.Close()
		_, err = s.Add("a", Start{})
		must(t, err)
		stop := s.run(out)
		defer func() { _ = stop() }()
		out.want(t, "caught-up a 1")
		time.Sleep(10 * time.Second)
		w.write("a", 2, 1)
		out.want(t, "caught-up a 2")
		time.Sleep(14 * time.Second)
		out.want(t)
		time.Sleep(time.Second)
		out.want(t, "idle")
	})
}

// An event that takes its client longer than a heartbeat postpones the heartbeat, too.
func TestSlowEventPutsOffTheBeat(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 0, 1)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{})
		must(t, err)
		out.hold = make(chan struct{})
		stop := s.run(out)
		defer func() { _ = stop() }()
		time.Sleep(20 * time.Second)
		out.hold <- struct{}{}
		out.want(t, "records a 0-1/1", "caught-up a 1")
		time.Sleep(14 * time.Second)
		out.want(t)
		time.Sleep(time.Second)
		out.want(t, "idle")
	})
}

// A session that is always busy with records that its client filters out still
// sends heartbeats.
func TestBeatWhileBusy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, out := w.session(plain())
		defer s.Close()
		r := &run{Session: s, ctx: t.Context(), out: out, heart: time.NewTimer(s.options.Heartbeat)}
		defer r.heart.Stop()
		for _, sent := range []bool{true, false, false, true, false} {
			r.sent = r.sent || sent
			time.Sleep(s.options.Heartbeat)
			<-r.heart.C
			must(t, r.beat())
			if sent {
				out.want(t)
			} else {
				out.want(t, "idle")
			}
		}
	})
}
