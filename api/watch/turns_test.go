package watch

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A turn sends a few batches at most and reports that there is more. When there is
// nothing more it ends, and whatever comes asks for the next one: records, a topic that
// is added, the heartbeat, the end of the context. After End nothing does.
func TestTurnsWithoutAGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		const n = 3 * turnSteps
		w.write("a", 0, n)
		w.write("b", 0, 1)
		o := plain()
		o.Limit = 1
		s, out := w.session(o)
		_, err := s.Add("a", Start{})
		must(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		var asked, aside atomic.Int64
		var turns Turns
		must(t, turns.Begin(ctx, s, out, &host{ready: func() { asked.Add(1) }, aside: func() { aside.Add(1) }}))
		asksAgain := func(why string) {
			t.Helper()
			synctest.Wait()
			if asked.Swap(0) == 0 {
				t.Errorf("%s asks for no turn", why)
			}
		}
		asksAgain("the beginning")
		for sent, more := 0, true; more; {
			before := aside.Load()
			more, err = turns.Turn()
			must(t, err)
			records := strings.Count(out.take(), "records")
			sent += records
			if records > turnSteps || more && records == 0 || !more && sent != n {
				t.Fatalf("%d batches in a turn, %d of %d in all", records, sent, n)
			}
			if reads := aside.Load() - before; reads < int64(records) {
				t.Errorf("%d batches, %d waits", records, reads)
			}
		}
		synctest.Wait()
		asked.Store(0)
		turn := func(events ...string) {
			t.Helper()
			for {
				more, err := turns.Turn()
				must(t, err)
				if !more {
					break
				}
			}
			out.want(t, events...)
			asked.Store(0)
		}
		turn() // nothing
		w.write("a", n, 1)
		asksAgain("a record")
		turn("records a 48-49/49", "caught-up a 49")
		_, err = s.Add("b", Start{})
		must(t, err)
		asksAgain("a topic")
		turn("records b 0-1/1", "caught-up b 1")
		time.Sleep(2 * o.Heartbeat) // of the bubble
		asksAgain("the heartbeat")
		turn("idle")
		time.Sleep(o.Heartbeat / 3)
		w.write("a", n+1, 1)
		asksAgain("another record")
		turn("records a 49-50/50", "caught-up a 50")
		time.Sleep(o.Heartbeat - time.Nanosecond)
		synctest.Wait()
		turn() // not yet
		time.Sleep(time.Nanosecond)
		asksAgain("the heartbeat after a record")
		turn("idle")
		gone := errors.New("gone")
		cancel(gone)
		asksAgain("the end of the context")
		if _, err := turns.Turn(); !errors.Is(err, gone) {
			t.Errorf("the last turn returns %v", err)
		}
		turns.End()
		w.write("a", n+2, 1)
		time.Sleep(2 * o.Heartbeat)
		synctest.Wait()
		if n := asked.Load(); n != 0 {
			t.Errorf("%d turns are asked for after the end", n)
		}
		s.Close()
		if err := turns.Begin(t.Context(), s, out, &host{}); !errors.Is(err, errClosed) {
			t.Errorf("a closed session begins: %v", err)
		}
	})
}
