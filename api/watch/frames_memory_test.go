package watch

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Cached frames are bounded together, and frames get smaller when much is being
// sent.
func TestFrameMemory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		big := []byte(`"` + strings.Repeat("x", 1<<20-2) + `"`)
		for range 8 {
			w.append("a", record.Record{Data: big})
		}
		o := plain()
		o.MaxBytes = 8 << 20
		l := w.frames.acquire("a", &o)
		other := w.frames.acquire("a", &o)
		for from := range uint64(8) {
			for range 10 { // as if no session had it yet
				r, err := l.next(t.Context(), from, nil)
				must(t, err)
				if r.frame == nil || r.next != 8 {
					t.Fatalf("from %d: %+v", from, r)
				}
			}
		}
		if int64(w.frames.bytes) > bounds.Kept || w.frames.kept.Len() != len(l.slots) || len(l.slots) != 8 {
			t.Errorf("%d bytes in %d frames", w.frames.bytes, len(l.slots))
		}
		if n := w.reads.Load(); n != 8 {
			t.Errorf("%d reads", n)
		}
		w.frames.held.Add(bounds.Held + 1)
		if r, _, err := l.read(t.Context(), 0); err != nil || r.next != 1 {
			t.Errorf("under pressure a frame ends at %d: %v", r.next, err)
		}
		w.frames.held.Add(-bounds.Held - 1)
		w.frames.release(l)
		w.frames.release(other)
		if w.frames.bytes != 0 || w.frames.kept.Len() != 0 {
			t.Errorf("%d bytes in %d frames", w.frames.bytes, w.frames.kept.Len())
		}
	})
}

// The bound on cached frames covers what they really take; most of a small one
// is not its body.
func TestSmallFrameMemory(t *testing.T) {
	w := newWorld(t)
	defer w.close()
	o := plain()
	l := w.frames.acquire("a", &o)
	other := w.frames.acquire("a", &o)
	const n = 10_000
	for from := range uint64(n) {
		w.write("a", int(from), 1)
		_, err := l.next(t.Context(), from, nil)
		must(t, err)
	}
	if len(l.slots) != n {
		t.Fatalf("%d frames", len(l.slots))
	}
	counted, before := float64(w.frames.bytes), heapBytes()
	w.frames.release(l)
	w.frames.release(other)
	l, other = nil, nil
	taken := float64(before) - float64(heapBytes())
	if counted < .8*taken || counted > 1.3*taken {
		t.Fatalf("%d frames take %.0f bytes each and are counted as %.0f", n, taken/n, counted/n)
	}
}

// heapBytes returns the bytes that are reachable now.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC() // frees what finalizers of the first run released
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Reads under way are counted before they have returned, however many there
// are.
func TestFramesBeingRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		big := []byte(`"` + strings.Repeat("x", 1<<20-2) + `"`)
		for range 8 {
			w.append("a", record.Record{Data: big})
		}
		const readers, room = 8, 4
		g := &gatedReads{world: w, gate: make(chan struct{})}
		frames := NewFrames(g, bounds)
		frames.held.Add(bounds.Held - room*(8<<20))
		o := plain()
		o.MaxBytes = 8 << 20
		var whole atomic.Int64
		for i := range readers {
			other := o
			other.Limit += i // so that nothing is shared
			l := frames.acquire("a", &other)
			defer frames.release(l)
			go func() {
				if r, err := l.next(t.Context(), 0, nil); err != nil {
					t.Error(err)
				} else if r.frame.Count == 8 {
					whole.Add(1)
				}
			}()
		}
		synctest.Wait()
		close(g.gate)
		synctest.Wait()
		if n := whole.Load(); n != room {
			t.Errorf("%d of %d got large frames", n, readers)
		}
		if held := frames.held.Load(); held != bounds.Held-room*(8<<20) {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// gatedReads blocks reads until its gate opens.
type gatedReads struct {
	*world
	gate chan struct{}
}

func (g *gatedReads) Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error) {
	<-g.gate
	return g.world.Read(ctx, name, q)
}

// A frame that many sessions send counts once, and a large one is not sent
// while those being sent take all the memory there is.
func TestFramesBeingSent(t *testing.T) {
	f := NewFrames(nil, Bounds{Most: 200 << 10})
	one, two, small := &Frame{Body: make([]byte, 150<<10)}, &Frame{Body: make([]byte, 100<<10)}, &Frame{Body: make([]byte, 10<<10)}
	for range 3 {
		must(t, f.hold(one))
	}
	must(t, f.hold(small))
	if err := f.hold(two); !errors.Is(err, ErrNoMemory) {
		t.Errorf("beyond the bound: %v", err)
	}
	for range 5 {
		must(t, f.hold(small))
	}
	for range 3 {
		f.drop(one)
	}
	must(t, f.hold(two))
	f.drop(two)
	for range 6 {
		f.drop(small)
	}
	if held := f.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}
