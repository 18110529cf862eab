package watch

import (
	"testing"
	"testing/synctest"
)

// Events of a topic from before its removal do not add it again.
func TestRemovedTopicsStayAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.Add("a", Start{Tail: true})
		must(t, err)
		w.delete("a")
		w.write("a", 1, 2)
		synctest.Wait() // the subscriber has received it
		s.Remove("a")
		stop := s.run(out)
		out.want(t)
		_ = stop()
	})
}

// An event is stale once its topic was removed, even if it was added anew; the
// next event of that topic is not.
func TestStale(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 3)
		s, out := w.session(plain())
		defer s.Close()
		out.hold = make(chan struct{})
		_, err := s.Add("a", Start{})
		must(t, err)
		stop := s.run(out)
		stale := func(want bool) {
			t.Helper()
			synctest.Wait()
			if s.Stale() != want {
				t.Errorf("stale: %t", !want)
			}
		}
		stale(false)
		s.Remove("a")
		stale(true)
		_, err = s.Add("a", Start{From: 1})
		must(t, err)
		stale(true)
		out.hold <- struct{}{}
		stale(false) // the records after 1
		out.hold <- struct{}{}
		synctest.Wait()
		_ = stop()
	})
}
