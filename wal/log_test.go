package wal

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
	"go.uber.org/goleak"
)

// TestMain collects garbage less often: these tests fill and drop file systems
// in memory, and little of that lives.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	goleak.VerifyTestMain(m)
}

func options(fsys vfs.FS, dir string) Options {
	return Options{
		FS: fsys, Dir: dir, LogID: 0x1234_5678_9abc_def0,
		FileBytes: 64 << 10, QueueBytes: 1 << 20, CacheBytes: 128 << 10,
		DiskSync: time.Millisecond, QueueWait: time.Second,
	}
}

// reopen replays the log and opens it; got are the payloads replayed.
func reopen(t *testing.T, o Options) (l *Log, got [][]byte, tail *Tail) {
	t.Helper()
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	tail, err = r.Run(func(f Frame) error {
		got = append(got, bytes.Clone(f.Payload))
		return nil
	}, func(n int64) {
		if n < last || n > r.Size() {
			t.Errorf("progress went from %d to %d of %d", last, n, r.Size())
		}
		last = n
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != r.Size() {
		t.Errorf("progress ended at %d of %d", last, r.Size())
	}
	if l, err = tail.Open(); err != nil {
		t.Fatal(err)
	}
	return l, got, tail
}

// add appends one frame and calls wait with its end.
func add(l *Log, payload []byte, wait func(LSN) error) (Span, error) {
	room, err := l.Reserve(context.Background(), len(payload), Patient)
	if err != nil {
		return Span{}, err
	}
	span, err := room.Append(1, payload[:len(payload)/2], payload[len(payload)/2:])
	if err != nil {
		return Span{}, err
	}
	return span, wait(span.End)
}

func payload(i int) []byte {
	return fmt.Appendf(nil, "%d:%s", i, bytes.Repeat([]byte{byte('a' + i%26)}, i*37%3000))
}

func TestAppendReadReopen(t *testing.T) {
	o := options(vfs.OS(), t.TempDir())
	var spans []Span
	const rounds, per = 3, 100
	for round := range rounds {
		l, got, _ := reopen(t, o)
		if len(got) != round*per {
			t.Fatalf("round %d: replayed %d frames, want %d", round, len(got), round*per)
		}
		for i, p := range got {
			if !bytes.Equal(p, payload(i)) {
				t.Fatalf("round %d: frame %d is %.20q", round, i, p)
			}
		}
		for i := range per {
			wait := l.WaitSynced
			if i%3 == 0 {
				wait = l.WaitWritten
			}
			span, err := add(l, payload(round*per+i), wait)
			if err != nil {
				t.Fatal(err)
			}
			spans = append(spans, span)
		}
		r := l.NewReader()
		for i, s := range spans {
			_, p, err := r.Frame(s.Start)
			if err != nil || !bytes.Equal(p, payload(i)) {
				t.Fatalf("round %d: read frame %d: %.20q, %v", round, i, p, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConcurrentWritersShareSyncs(t *testing.T) {
	o := options(vfs.OS(), t.TempDir())
	var frames int
	o.Observe = func(g Group) { frames += g.Frames }
	l, _, _ := reopen(t, o)
	const writers, each = 16, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			wait := []func(LSN) error{l.WaitSynced, l.WaitWritten}[w%2]
			for i := range each {
				if _, err := add(l, payload(w*each+i), wait); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Written != s.Synced || s.QueueDepth != 0 || uint64(frames) != s.Frames {
		t.Errorf("after close: %+v, %d frames observed", s, frames)
	}
	l, got, _ := reopen(t, o)
	defer l.Close()
	if len(got) != writers*each {
		t.Errorf("%d frames, want %d", len(got), writers*each)
	}
}
