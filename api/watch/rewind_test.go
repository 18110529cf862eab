package watch

import (
	"testing"
	"testing/synctest"
)

// place returns the current place of the session.
func (s *Session) place(t testing.TB) Place {
	t.Helper()
	p, err := ParseID(string(s.AppendID(nil)))
	must(t, err)
	return p
}

// A topic that the client has removed is not reported as deleted.
func TestRewindOverARemoval(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("p:1", 1, 1)
		s, out := w.session(plain())
		defer s.Close()
		_, err := s.AddPrefix("p:", Start{Tail: true})
		must(t, err)
		p := s.place(t)
		s.Remove("p:1")
		s.Rewind(p)
		stop := s.run(out)
		out.want(t)
		_ = stop()
	})
}

// A topic that was added after one deletion is not affected by the next one, of
// another topic.
func TestRewindBetweenDeletions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, out := w.session(plain())
		defer s.Close()
		for _, name := range []string{"x", "y"} {
			w.write(name, 1, 1)
			_, err := s.Add(name, Start{Tail: true})
			must(t, err)
		}
		stop := s.run(out)
		synctest.Wait()
		w.delete("x")
		synctest.Wait()
		w.write("a", 1, 1)
		_, err := s.Add("a", Start{Tail: true})
		must(t, err)
		synctest.Wait()
		p := s.place(t)
		w.delete("y")
		synctest.Wait()
		_ = stop()
		out.take()
		s.Rewind(p)
		stop = s.run(out)
		synctest.Wait()
		got := map[string]bool{}
		for _, event := range out.events {
			got[event] = true
		}
		if len(got) != 2 || !got["caught-up a 1"] || !got["deleted y 1 deleted"] {
			t.Errorf("got %q", out.take())
		}
		_ = stop()
	})
}
