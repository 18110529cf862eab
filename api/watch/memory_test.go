package watch

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// ration is memory for a few topics and prefixes.
type ration struct{ left int }

var errRation = errors.New("no memory")

func (r *ration) Take(n int) error {
	if n > r.left {
		return errRation
	}
	r.left -= n
	return nil
}

func (r *ration) Give(n int) { r.left += n }

// A session takes memory for each topic and prefix before it follows it, is refused
// alone what finds none, and gives back what it leaves.
func TestSessionsTakeMemoryFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range 6 {
			w.write(fmt.Sprintf("x:%d", i), 1, 1)
		}
		w.write("y:1", 1, 1)
		r := &ration{left: 4}
		left := func(n int) {
			t.Helper()
			if r.left != n {
				t.Errorf("%d are left, want %d", r.left, n)
			}
		}
		s := NewSession(w.frames, plain(), 8, everything)
		s.TakeFrom(r)
		out := &tape{session: s}
		if _, err := s.AddPrefix("x:", Start{Tail: true}); !errors.Is(err, errRation) {
			t.Errorf("six topics, and memory for three: %v", err)
		}
		left(4)
		_, err := s.AddPrefix("y:", Start{Tail: true})
		must(t, err)
		left(2)
		if _, err := s.Add("none", Start{}); err == nil {
			t.Error("there is a topic that does not exist")
		}
		left(2)
		_, err = s.Add("x:1", Start{Tail: true})
		must(t, err)
		_, err = s.Add("x:1", Start{Tail: true}) // again
		must(t, err)
		_, err = s.AddPrefix("y:", Start{Tail: true}) // again
		must(t, err)
		left(1)
		stop := s.run(out)
		synctest.Wait()
		_ = out.take()
		w.write("y:2", 1, 1)
		out.want(t, "records y:2 0-1/1", "caught-up y:2 1")
		left(0)
		w.write("y:3", 1, 1)
		out.want(t, "failed y:3 no memory")
		w.write("y:3", 2, 1)
		out.want(t)
		w.delete("y:2")
		out.want(t, "deleted y:2 1 deleted")
		w.write("y:4", 1, 1)
		out.want(t, "records y:4 0-1/1", "caught-up y:4 1")
		left(0)
		s.Remove("x:1")
		left(1)
		s.RemovePrefix("y:")
		left(4)
		_ = stop()
		_, err = s.Add("x:1", Start{})
		must(t, err)
		s.Close()
		left(4)
		s.Remove("x:1")
		left(4)
	})
}
