package watch

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/topic"
)

// meddler is a world in which something happens after a subscription.
type meddler struct {
	*world
	subscribed func() // called after each Subscribe
}

func (m *meddler) Subscribe(s *follow.Subscriber, name string) (topic.State, error) {
	st, err := m.world.Subscribe(s, name)
	m.subscribed()
	return st, err
}

// A record that comes when a group has no member yet, and whose notice reaches the group
// first and the session only when that has joined, is sent all the same. Which of them is
// notified first is a matter of chance.
func TestRecordWhileAGroupBegins(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.close()
			w.group()
			m := &meddler{world: w, subscribed: func() {}}
			w.frames.engine = m
			// The notice for the group returns when the session has joined.
			var holds atomic.Bool
			notified, joined := make(chan struct{}), make(chan struct{})
			grouped := w.frames.Grouped
			w.frames.Grouped = func(g *Group) (ready, aside func()) {
				asks, aside := grouped(g)
				return func() {
					if !holds.CompareAndSwap(true, false) {
						asks()
						return
					}
					g.Turn()
					close(notified)
					<-joined
				}, aside
			}
			w.write("a", 0, 1)
			s, out := w.session(plain())
			defer s.Close()
			_, err := s.Add("a", Start{})
			must(t, err)
			m.subscribed = func() {
				m.subscribed = func() {}
				holds.Store(true)
				w.write("a", 1, 1)
				<-notified
			}
			var h host
			due := make(chan struct{}, 1)
			h.ready = func() {
				select {
				case due <- struct{}{}:
				default:
				}
			}
			var turns Turns
			h.turn.Lock()
			must(t, turns.Begin(t.Context(), s, out, &h))
			defer turns.End()
			<-due
			_, err = turns.Turn()
			must(t, err)
			if turns.group.Load() == nil {
				t.Fatal("the session is in no group")
			}
			h.turn.Unlock()
			close(joined)
			for range 3 {
				synctest.Wait()
				select {
				case <-due:
					h.turn.Lock()
					_, err = turns.Turn()
					must(t, err)
					h.turn.Unlock()
				default:
				}
			}
			out.want(t, "records a 0-1/1", "caught-up a 1", "records a 1-2/2", "caught-up a 2")
		})
		if t.Failed() {
			return
		}
	}
}

// meddledTape calls functions at moments at which anything may happen to its session, and
// has the ids of events in them.
type meddledTape struct {
	*tape
	rendering func() // before an event is rendered for a group
	parted    func() // after a part of it was sent; nil if it is sent as a whole
}

func (p *meddledTape) Render(f *Frame, id []byte, last bool) []byte {
	p.rendering()
	return append(p.tape.Render(f, id, last), "\nid "+string(id)...)
}

func (p *meddledTape) Try(event []byte, now time.Time) (rest []byte, err error) {
	if p.parted == nil {
		return nil, p.note("%s", event)
	}
	p.parted()
	return event[1:], nil
}

func (p *meddledTape) Finish(rest []byte) error { return p.note("rest %s", rest) }

// The rest of an event is sent without delay, also if its topic was removed meanwhile.
func TestRestOfARemovedTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.group()
		w.write("a", 0, 1)
		s, out := w.session(plain())
		defer s.Close()
		turns, h, turn := w.inGroup(t, &meddledTape{
			tape: out, rendering: func() {}, parted: func() { s.Remove("a") },
		}, s)
		defer turns.End()
		out.take()
		asked := 0
		h.ready = func() { asked++ }
		w.write("a", 1, 1)
		synctest.Wait()
		if asked == 0 {
			t.Error("no turn is asked for")
		}
		turn()
		if !strings.HasPrefix(out.take(), "rest ") {
			t.Error("the rest is not sent")
		}
	})
}

// The id of an event is that of all members of a group, whatever happens to the session
// of the one for whom it is rendered.
func TestIDOfAGroup(t *testing.T) {
	for what, meddle := range map[string]func(s *Session) error{
		"another topic": func(s *Session) error {
			_, err := s.Add("b", Start{})
			return err
		},
		"no topic": func(s *Session) error {
			s.Remove("a")
			return nil
		},
		"from the beginning": func(s *Session) error {
			_, err := s.Add("a", Start{})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				w.group()
				w.write("a", 0, 1)
				w.write("b", 0, 1)
				first, out1 := w.session(plain())
				defer first.Close()
				second, out2 := w.session(plain())
				defer second.Close()
				turns1, _, _ := w.inGroup(t, &meddledTape{tape: out1, rendering: func() { must(t, meddle(first)) }}, first)
				defer turns1.End()
				turns2, _, _ := w.inGroup(t, &meddledTape{tape: out2, rendering: func() { t.Error("rendered for the second") }}, second)
				defer turns2.End()
				out2.take()
				w.write("a", 1, 1)
				synctest.Wait()
				id := string(second.AppendID(nil))
				if got := out2.take(); !strings.HasSuffix(got, "\nid "+id) {
					t.Errorf("the second has %s, its id is %s", got, id)
				}
			})
		})
	}
}
