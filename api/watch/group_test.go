package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

var errBroken = errors.New("broken")

// choppyTape is a tape whose connection takes events in parts, and breaks now and then.
// An event that it breaks in is not on the tape.
type choppyTape struct {
	*tape
	mu     sync.Mutex // guards chance
	chance *rand.Rand // nil: it takes all at once, and never breaks
	begun  string     // of the event that Finish ends
}

// n returns a number below n.
func (p *choppyTape) n(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chance == nil {
		return n - 1
	}
	return p.chance.IntN(n)
}

func (p *choppyTape) breaks() bool { return p.n(40) == 0 }

func (p *choppyTape) Records(f *Frame, last bool) error {
	if p.breaks() {
		return errBroken
	}
	return p.tape.Records(f, last)
}

func (p *choppyTape) Try(event []byte, now time.Time) (rest []byte, err error) {
	n := len(event)
	if p.n(4) == 0 {
		n = p.n(n + 1)
	}
	if p.breaks() {
		return event[n:], errBroken
	}
	if n == len(event) {
		return p.tape.Try(event, now)
	}
	p.begun = string(event[:n])
	return event[n:], nil
}

func (p *choppyTape) Finish(rest []byte) error {
	time.Sleep(time.Duration(p.n(3)) * time.Millisecond)
	if p.breaks() {
		return errBroken
	}
	return p.tape.Finish([]byte(p.begun + string(rest)))
}

// follower runs a session until it is stopped, again and again if its connection breaks.
type follower struct {
	*Session
	out    *choppyTape
	due    chan struct{} // asks for a turn
	stop   context.CancelFunc
	ended  chan struct{}
	at     uint64 // how far the events have come
	caught bool   // the last one said that there is no more
}

// followed is the topic whose events are checked. A follower may have another one for a
// while, and is in no group then.
const followed = "a"

// anyFollower is a follower of some kind.
func (w *world) anyFollower(t *testing.T, chance *rand.Rand) *follower {
	o := plain()
	o.Limit = 1 + chance.IntN(4)/3*99 // mostly 1: frames that are not the last
	if chance.IntN(4) == 0 {
		o.Nodes = []string{"omitted"}
	}
	return w.follower(t, o, rand.New(rand.NewPCG(chance.Uint64(), 0)))
}

// follower follows a topic. Without chance it takes all that is sent at once.
func (w *world) follower(t *testing.T, o Options, chance *rand.Rand) *follower {
	s, out := w.session(o)
	f := &follower{
		Session: s, out: &choppyTape{tape: out, chance: chance},
		due: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(context.Background())
	_, err := s.Add(followed, Start{})
	must(t, err)
	go func() {
		defer close(f.ended)
		for ctx.Err() == nil {
			if err := s.runWhenDue(ctx, f.out, f.due); err != nil && !errors.Is(err, errBroken) && ctx.Err() == nil {
				t.Errorf("the session ends: %v", err)
				return
			}
		}
	}()
	return f
}

// ask asks for a turn, for nothing.
func (f *follower) ask() {
	select {
	case f.due <- struct{}{}:
	default:
	}
}

func (f *follower) close() {
	f.stop()
	<-f.ended
	f.Close()
}

// check holds the events since the last check against what may follow each other.
func (f *follower) check(t *testing.T) {
	t.Helper()
	omits := len(f.options.Nodes) > 0 // then it is not told what it passes over
	for line := range strings.Lines(f.out.take()) {
		var kind, name string
		_, _ = fmt.Sscan(line, &kind, &name)
		if name != followed {
			continue
		}
		from, to, head := f.at+1, uint64(0), uint64(0)
		line = strings.TrimPrefix(strings.TrimSpace(line), kind+" "+name+" ")
		n, good := 0, false
		switch kind {
		case "records":
			n, _ = fmt.Sscanf(line, "%d-%d/%d", &from, &to, &head)
			good = n == 3 && (from == f.at || omits && from > f.at) && to > from && to <= head
		case "tombstone":
			n, _ = fmt.Sscanf(line, "%d-%d", &from, &to)
			good = n == 2 && (from == f.at+1 || omits && from > f.at) && to >= from
		case "caught-up":
			n, _ = fmt.Sscanf(line, "%d", &to)
			good = n == 1 && (to == f.at || omits && to > f.at)
		case "deleted":
			n, _ = fmt.Sscanf(line, "%d", &head)
			good = n == 1
		}
		if !good {
			t.Errorf("after %d: %s %s", f.at, kind, line)
		}
		f.at, f.caught = to, kind == "caught-up"
	}
}

// wantAll checks that the follower has all of the topic.
func (f *follower) wantAll(t *testing.T, st *topic.State) {
	t.Helper()
	f.check(t)
	if f.at != st.Head || !f.caught {
		t.Errorf("at %d of %d, caught up: %t", f.at, st.Head, f.caught)
	}
}

// Sessions in groups miss nothing and get nothing twice, whatever happens: connections
// that take parts of events, that break and come again, that are alone for a while,
// topics that are deleted and made again, records that are lost, or too large for a group.
func TestGroupsMissNothing(t *testing.T) {
	rounds := uint64(60)
	if testing.Short() {
		rounds = 10
	}
	groups := int64(0)
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			defer w.close()
			w.group()
			w.frames.GroupFrom = 1 + int(seed%3)
			w.write("a", 0, 1)
			w.write("b", 0, 1)
			var all []*follower
			for range 70 + chance.IntN(10) { // more than one group
				all = append(all, w.anyFollower(t, chance))
			}
			defer func() {
				for _, f := range all {
					f.close()
				}
				synctest.Wait()
				if n := len(w.frames.lines); n != 0 {
					t.Errorf("%d lines are left", n)
				}
			}()
			someone := func() *follower { return all[chance.IntN(len(all))] }
			for range 60 {
				switch chance.IntN(16) {
				default:
					recs := make([]record.Record, 1+chance.IntN(3))
					for i := range recs {
						if chance.IntN(2) == 0 {
							recs[i].Node = []byte("omitted")
						}
					}
					w.append("a", recs...)
					for range chance.IntN(40) {
						someone().ask()
					}
				case 0:
					synctest.Wait()
				case 1:
					time.Sleep(time.Duration(chance.IntN(20)) * time.Second)
				case 2:
					w.append("a", record.Record{Data: make([]byte, groupBody)})
				case 3:
					w.put("a", record.ConfigPatch{CapRecords: new(int64(3 + chance.IntN(3)))})
				case 4:
					w.delete("a")
					if chance.IntN(2) == 0 {
						synctest.Wait()
					}
					w.write("a", 0, 1)
				case 5, 6:
					_, err := someone().Add("b", Start{Tail: true})
					must(t, err)
				case 7:
					for _, f := range all {
						f.Remove("b")
					}
				case 8:
					i := chance.IntN(len(all))
					all[i].close()
					all[i] = w.anyFollower(t, chance)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			st, err := w.State("a", false)
			must(t, err)
			for i, f := range all {
				f.wantAll(t, &st)
				if t.Failed() {
					t.Fatalf("seed %d, follower %d", seed, i)
				}
			}
			groups += w.groups.Load()
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if groups == 0 {
		t.Error("no groups")
	}
}

// inGroup begins a session whose turns the test gives, and that is in a group: it has what
// is in topic a.
func (w *world) inGroup(t *testing.T, out Output, s *Session) (turns *Turns, h *host, turn func()) {
	t.Helper()
	h, turns = &host{}, &Turns{}
	_, err := s.Add("a", Start{})
	must(t, err)
	must(t, turns.Begin(t.Context(), s, out, h))
	turn = func() {
		t.Helper()
		synctest.Wait()
		h.turn.Lock()
		defer h.turn.Unlock()
		_, err := turns.Turn()
		must(t, err)
	}
	turn()
	if turns.group.Load() == nil {
		t.Fatal("the session is in no group")
	}
	return turns, h, turn
}

// A session that is at its turn when its group has something for it is asked to look
// itself, whether it is about to leave the group or has just joined it.
func TestGroupWaitsForNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.group()
		w.write("a", 0, 1)
		s, out := w.session(plain())
		defer s.Close()
		turns, h, turn := w.inGroup(t, out, s)
		defer turns.End()
		out.take()
		asked := 0
		h.ready = func() { asked++ }
		h.turn.Lock()
		w.write("a", 1, 1)
		out.want(t)
		h.turn.Unlock()
		if asked == 0 {
			t.Error("no turn is asked for")
		}
		turn()
		out.want(t, "records a 1-2/2", "caught-up a 2")
		asked = 0
		w.write("a", 2, 1)
		out.want(t, "records a 2-3/3", "caught-up a 3")
		if asked != 0 {
			t.Error("a turn is asked for what the group has sent")
		}
	})
}

// panickyTape panics in Try.
type panickyTape struct{ *tape }

func (panickyTape) Try([]byte, time.Time) ([]byte, error) { panic("as the test wants") }

// A panic ends the session whose event was being sent, and the others of the group have
// theirs.
func TestPanicInAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.group()
		follow := w.frames.Grouped
		var group *Group
		w.frames.Grouped = func(g *Group) (ready, aside func()) {
			_, aside = follow(g)
			group = g
			return func() {}, aside
		}
		w.write("a", 0, 1)
		var outs []*tape
		var all []func()
		var second *Turns
		for i := range 3 {
			s, out := w.session(plain())
			defer s.Close()
			outs = append(outs, out)
			var o Output = out
			if i == 1 {
				o = panickyTape{out}
			}
			turns, _, turn := w.inGroup(t, o, s)
			defer turns.End()
			all = append(all, turn)
			if i == 1 {
				second = turns
			}
			out.take()
		}
		w.write("a", 1, 1)
		synctest.Wait()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			group.Turn()
		}()
		outs[0].want(t, "records a 1-2/2", "caught-up a 2")
		outs[1].want(t)
		outs[2].want(t)
		all[2]()
		outs[2].want(t, "records a 1-2/2", "caught-up a 2")
		if _, err := second.Turn(); !errors.Is(err, errInterrupted) {
			t.Errorf("the session goes on: %v", err)
		}
		if at := second.run.Session.Cursors()[0].At; at != 1 {
			t.Errorf("the cursor is at %d", at)
		}
		if held := w.frames.held.Load(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// There are no more groups than it takes, though their members leave and join all the
// time, and none when they are gone.
func TestFewGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.group()
		w.write("a", 0, 1)
		chance := rand.New(rand.NewPCG(1, 1))
		var all []*follower
		const sessions = 3*groupSize + 1
		for range sessions {
			all = append(all, w.follower(t, plain(), nil))
		}
		for n := range 100 {
			time.Sleep(time.Duration(chance.IntN(5)) * time.Second)
			w.write("a", n, 1)
			for range 20 {
				all[chance.IntN(len(all))].ask()
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		groups, members := 0, 0
		for _, l := range w.frames.lines {
			groups += len(l.groups)
			for _, g := range l.groups {
				members += len(g.members)
			}
		}
		if groups > sessions/groupSize+4 || members < sessions-sessions/10 {
			t.Errorf("%d groups with %d sessions", groups, members)
		}
		for _, f := range all {
			f.close()
		}
		if n := len(w.frames.lines); n != 0 {
			t.Errorf("%d lines are left", n)
		}
	})
}
