package watch

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// portable returns a session whose ids mean the same to every session.
func (w *world) portable(max int) (*Session, *tape) {
	o := plain()
	o.Portable = true
	s := NewSession(w.frames, o, max, everything)
	return s, &tape{session: s}
}

// Another session goes on where one was, also where the names of its topics are
// too long for an id: what was written meanwhile comes, topics that were created
// meanwhile come whole, and nothing comes twice.
func TestResumeElsewhere(t *testing.T) {
	for _, long := range []string{"", strings.Repeat("x", 200)} {
		inWorld(t, func(t *testing.T, w *world) {
			const many = 40
			name := func(i int) string { return fmt.Sprintf("p:%d%s", i, long) }
			for i := range many {
				w.write(name(i), 1, 1+i%3)
			}
			w.write("named", 1, 5)
			first, out := w.portable(100)
			_, err := first.AddPrefix("p:", Start{Tail: true})
			must(t, err)
			_, err = first.Add("named", Start{From: 2})
			must(t, err)
			stop := first.run(out)
			out.settle()
			id := string(first.AppendID(nil))
			_ = stop()
			first.Close()
			if len(id) > 8<<10 {
				t.Errorf("an id of %d bytes", len(id))
			}
			w.write("named", 6, 1)
			w.write(name(7), 2, 2)
			w.write(name(many), 1, 2)
			place, err := ParseID(id)
			must(t, err)
			second, out := w.portable(100)
			defer second.Close()
			_, err = second.AddPrefix("p:", Start{Tail: true})
			must(t, err)
			_, err = second.Add("named", Start{Tail: true})
			must(t, err)
			must(t, second.Resume(place))
			stop = second.run(out)
			got := out.settle()
			_ = stop()
			for _, want := range []string{
				"records named 5-6/6", fmt.Sprintf("records %s 2-4/4", name(7)), fmt.Sprintf("records %s 0-2/2", name(many)),
			} {
				if !strings.Contains(got, want) {
					t.Errorf("no %s in\n%s", want, got)
				}
			}
			if n := strings.Count(got, "records "); n != 3 {
				t.Errorf("%d events of records", n)
			}
		})
	}
}

// settle returns all events so far, once there are no more.
func (p *tape) settle() string {
	synctest.Wait()
	return p.take()
}

// An id by numbers belongs to its session, and is of no use to another one.
func TestResumeRefusesNumbers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, _ := w.portable(8)
		defer s.Close()
		place, err := ParseID(base64.RawURLEncoding.EncodeToString([]byte(`{"$1":5}`)))
		must(t, err)
		if err := s.Resume(place); err == nil {
			t.Error("resumed")
		}
		if _, err := ParseID(base64.RawURLEncoding.EncodeToString([]byte(`{"a\nb":5}`))); err == nil {
			t.Error("a name that no topic can have was taken")
		}
	})
}
