package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// bounds are those of a large machine.
var bounds = Bounds{Kept: 64 << 20, Held: 256 << 20, Most: 384 << 20}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a registry on an in-memory disk, with what sessions share. It counts
// reads.
type world struct {
	*topics.Registry
	t      testing.TB
	log    *wal.Log
	frames *Frames
	reads  atomic.Int64
	turns  bool                         // sessions run by turns
	groups atomic.Int64                 // that were made
	refuse atomic.Pointer[record.Error] // returned by Read if set
	once   atomic.Pointer[record.Error] // returned by the next Read if set
	delay  time.Duration                // how long a Read takes at least; set while there is none
}

// refuseNext makes one Read fail: those after it, which may begin before the
// failed one has returned, do not.
func (w *world) refuseNext(e *record.Error) { w.once.Store(e) }

func (w *world) Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error) {
	w.reads.Add(1)
	time.Sleep(w.delay)
	if e := w.once.Swap(nil); e != nil {
		return nil, e
	}
	if e := w.refuse.Load(); e != nil {
		return nil, e
	}
	return w.Registry.Read(ctx, name, q)
}

// newWorld starts a registry that close stops.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := newStillWorld(t)
	w.RunDelivery()
	return w
}

// newStillWorld is newWorld, except that subscribers are notified only on
// request.
func newStillWorld(t testing.TB) *world {
	t.Helper()
	fs := crashfs.New()
	must(t, fs.MkdirAll("/log"))
	replay, err := wal.Open(wal.Options{
		Dir: "/log", LogID: 7, FileBytes: 4 << 20, QueueBytes: 32 << 20, CacheBytes: 32 << 20, FS: fs,
	})
	must(t, err)
	w := &world{Registry: topics.New(topics.Options{}), t: t}
	tail, err := replay.Run(w.Replay().Frame, func(int64) {})
	must(t, err)
	w.log, err = tail.Open()
	must(t, err)
	w.Start(w.log)
	w.frames = NewFrames(w, bounds)
	return w
}

func (w *world) close() { must(w.t, errors.Join(w.Close(context.Background()), w.log.Close())) }

// inWorld runs a test in a synctest bubble with a world of its own: with sessions that
// have turns and are in a group whenever they can be, with those that are in none, and
// with sessions that have goroutines.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, how := range []string{"groups", "turns", "goroutines"} {
		if testing.Short() && how != "groups" {
			continue
		}
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.turns = how != "goroutines"
				if how == "groups" {
					w.group()
				}
				defer w.close()
				test(t, w)
			})
		})
	}
}

// group makes groups of all sessions that can be in one.
func (w *world) group() {
	w.frames.GroupFrom = 1
	w.frames.Grouped = func(g *Group) (ready, aside func()) {
		w.groups.Add(1)
		var mu sync.Mutex
		var asked, running bool
		again := func() bool {
			mu.Lock()
			defer mu.Unlock()
			running, asked = asked, false
			return running
		}
		return func() {
			mu.Lock()
			defer mu.Unlock()
			asked = true
			if running {
				return
			}
			running = true
			go func() {
				for again() {
					for g.Turn() {
					}
				}
			}()
		}, func() {}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write appends n records whose data are consecutive numbers from first.
func (w *world) write(name string, first, n int) {
	w.t.Helper()
	recs := make([]record.Record, n)
	for i := range recs {
		recs[i].Data = fmt.Append(nil, first+i)
	}
	w.append(name, recs...)
}

func (w *world) append(name string, recs ...record.Record) {
	w.t.Helper()
	_, err := w.Append(context.Background(), name, &topic.Write{Records: recs, DisableBackpressure: true})
	must(w.t, err)
}

func (w *world) put(name string, p record.ConfigPatch) {
	w.t.Helper()
	_, err := w.Put(context.Background(), name, &p)
	must(w.t, err)
}

func (w *world) delete(name string) {
	w.t.Helper()
	_, err := w.Delete(context.Background(), name, false)
	must(w.t, err)
}

// plain returns options that leave nothing out.
func plain() Options {
	return Options{Limit: 100, MaxBytes: 1 << 20, Heartbeat: 15 * time.Second, Meta: true, Data: true}
}

func everything(string) bool { return true }

// tape is an output that records its events as text.
type tape struct {
	session *Session
	hold    chan struct{} // if set, Records waits for a value
	fail    error         // if set, returned by the event after left more
	left    int

	mu     sync.Mutex
	events []string
	ids    []string // of all events but heartbeats
	frames []*Frame
}

func (p *tape) note(format string, a ...any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if p.left == 0 {
			return p.fail
		}
		p.left--
	}
	p.events = append(p.events, fmt.Sprintf(format, a...))
	p.ids = append(p.ids, string(p.session.AppendID(nil)))
	return nil
}

func (p *tape) Records(f *Frame, last bool) error {
	if p.hold != nil {
		<-p.hold
	}
	if err := p.note("records %s %d-%d/%d", f.Topic, f.From, f.To, f.Head); err != nil {
		return err
	}
	p.mu.Lock()
	p.frames = append(p.frames, f)
	p.mu.Unlock()
	if last {
		return p.CaughtUp(f.Topic, f.To)
	}
	return nil
}

func (p *tape) Tombstone(x string, t *topic.Tombstone, connect bool) error {
	return p.note("tombstone %s %d-%d %s", x, t.GapFrom, t.GapTo, Reason(t, connect))
}

func (p *tape) CaughtUp(x string, head uint64) error {
	return p.note("caught-up %s %d", x, head)
}

func (p *tape) Deleted(x string, head uint64, reason string) error {
	return p.note("deleted %s %d %s", x, head, reason)
}

func (p *tape) Failed(x string, err error) error { return p.note("failed %s %v", x, err) }

func (p *tape) Idle() error { return p.note("idle") }

// rendered are the frames that Render was called with, by what it returned.
var rendered sync.Map

// Render implements Shared.
func (p *tape) Render(f *Frame, _ []byte, last bool) []byte {
	event := fmt.Appendf(nil, "records %s %d-%d/%d", f.Topic, f.From, f.To, f.Head)
	if last {
		event = fmt.Appendf(event, "\ncaught-up %s %d", f.Topic, f.To)
	}
	rendered.Store(string(event), f)
	return event
}

// Try implements Shared. It sends nothing if Records would wait.
func (p *tape) Try(event []byte, _ time.Time) (rest []byte, err error) {
	if p.hold != nil {
		return event, nil
	}
	return nil, p.Finish(event)
}

// Finish implements Shared.
func (p *tape) Finish(event []byte) error {
	if p.hold != nil {
		<-p.hold
	}
	for line := range strings.SplitSeq(string(event), "\n") {
		if err := p.note("%s", line); err != nil {
			return err
		}
	}
	f, _ := rendered.Load(string(event))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames = append(p.frames, f.(*Frame))
	return nil
}

// take returns the events since the last take, one per line.
func (p *tape) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.events, "\n")
	p.events = nil
	return s
}

// want compares the events since the last take. The session must be idle.
func (p *tape) want(t testing.TB, events ...string) {
	t.Helper()
	synctest.Wait()
	if got, want := p.take(), strings.Join(events, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// session returns a session of the world and its tape.
func (w *world) session(o Options) (*Session, *tape) {
	s := NewSession(w.frames, o, 8, everything)
	return s, &tape{session: s}
}

// run runs a session until stop is called, which returns the error of Run.
func (s *Session) run(out Output) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	run := s.Run
	if w, ok := s.frames.engine.(*world); ok && w.turns {
		run = s.runByTurns
	}
	go func() { ended <- run(ctx, out) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// host is the Host of a session whose turns a test gives.
type host struct {
	ready, aside func()     // called if they are not nil
	turn         sync.Mutex // held during a turn that may be claimed
}

func (h *host) Ready() {
	if h.ready != nil {
		h.ready()
	}
}

func (h *host) Aside() {
	if h.aside != nil {
		h.aside()
	}
}

func (h *host) Claim() bool { return h.turn.TryLock() }

func (h *host) Release() { h.turn.Unlock() }

// runByTurns is Run, by turns.
func (s *Session) runByTurns(ctx context.Context, out Output) error {
	return s.runWhenDue(ctx, out, make(chan struct{}, 1))
}

// runWhenDue is runByTurns with turns that due gives, too.
func (s *Session) runWhenDue(ctx context.Context, out Output, due chan struct{}) error {
	h := &host{ready: func() {
		select {
		case due <- struct{}{}:
		default:
		}
	}}
	h.turn.Lock()
	defer h.turn.Unlock()
	var turns Turns
	if err := turns.Begin(ctx, s, out, h); err != nil {
		return err
	}
	defer turns.End()
	for {
		more, err := turns.Turn()
		if err != nil {
			return err
		}
		if !more {
			h.turn.Unlock()
			<-due
			h.turn.Lock()
		}
	}
}
