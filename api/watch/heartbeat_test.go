package watch

import (
	"fmt"
	"testing"
	"testing/synctest"
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

// inTurns begins a session in a bubble whose turns the test gives.
func inTurns(t *testing.T, o Options, test func(w *world, s *Session, out *tape, turns *Turns)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		s, out := w.session(o)
		defer s.Close()
		var turns Turns
		must(t, turns.Begin(t.Context(), s, out, &host{}))
		defer turns.End()
		test(w, s, out, &turns)
	})
}

// The time to a heartbeat begins with the last event, also if the session was busy ever
// since with what gave none: here with topics that cannot be read, as was said before.
func TestBeatAfterAnEventWhileBusy(t *testing.T) {
	inTurns(t, plain(), func(w *world, s *Session, out *tape, turns *Turns) {
		w.refuse.Store(&record.Error{Kind: record.KindUnavailable, Message: "no"})
		var failed []string
		for n := range 5 {
			name := fmt.Sprint("broken-", n)
			w.write(name, 0, 1)
			_, err := s.Add(name, Start{})
			must(t, err)
			failed = append(failed, fmt.Sprintf("failed %s no", name))
		}
		turn := func(events ...string) {
			t.Helper()
			synctest.Wait()
			more, err := turns.Turn()
			must(t, err)
			if more {
				t.Fatal("the turn is not the last")
			}
			out.want(t, events...)
		}
		turn(failed...)
		time.Sleep(5 * time.Second)
		w.write("new", 0, 1)
		_, err := s.Add("new", Start{})
		must(t, err)
		for n := range 5 {
			w.write(fmt.Sprint("broken-", n), 1, 1)
		}
		w.delay = 4 * time.Second
		// The event comes after 9 s, the turn ends after 29 s.
		turn("failed new no", "idle")
	})
}

// A session that waits for its next turn is not taken for one that sends.
func TestWaitForATurnPutsOffNoBeat(t *testing.T) {
	o := plain()
	o.Limit = 1
	inTurns(t, o, func(w *world, s *Session, out *tape, turns *Turns) {
		w.write("a", 0, turnSteps)
		_, err := s.Add("a", Start{})
		must(t, err)
		synctest.Wait()
		more, err := turns.Turn()
		must(t, err)
		if !more {
			t.Fatal("a full turn is the last")
		}
		out.take()
		turn := func(events ...string) {
			t.Helper()
			synctest.Wait()
			_, err := turns.Turn()
			must(t, err)
			out.want(t, events...)
		}
		time.Sleep(14 * time.Second)
		turn()
		time.Sleep(time.Second)
		turn("idle")
	})
}

// slowTape is a tape on which a heartbeat takes its time.
type slowTape struct {
	*tape
	takes time.Duration
}

func (p *slowTape) Idle() error {
	time.Sleep(p.takes)
	return p.tape.Idle()
}

// A heartbeat that its client takes slowly is not followed by another one at once.
func TestSlowBeatPutsOffTheNext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, out := w.session(plain())
		defer s.Close()
		stop := s.run(&slowTape{out, 20 * time.Second})
		defer func() { _ = stop() }()
		time.Sleep((15 + 20) * time.Second)
		out.want(t, "idle")
		time.Sleep((15+20)*time.Second - time.Nanosecond)
		out.want(t)
		time.Sleep(time.Nanosecond)
		out.want(t, "idle")
	})
}
