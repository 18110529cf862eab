package topics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// What is applied ends before the first commit that is under way, and is all of
// the log when none is.
func TestAppliedEndsBeforeWhatIsUnderWay(t *testing.T) {
	for _, c := range []record.Class{record.Memory, record.Disk, record.Fsync} {
		w := newWorld(t)
		w.put("a", class(c))
		w.put("b", class(c))
		w.write("a", 1)
		idle := func() {
			t.Helper()
			if got, tail := w.Applied(), w.shared.Log.Tail(); got != tail {
				t.Errorf("%v: applied to %d of %d with nothing under way", c, got, tail)
			}
		}
		idle()
		first := w.begin("a", &topic.Write{Records: records(1)})
		start := first.Commit.Span.Start
		for range 3 {
			w.write("b", 1)
			if got := w.Applied(); got > start {
				t.Errorf("%v: applied to %d, and the write at %d is not", c, got, start)
			}
		}
		if _, err := first.Wait(); err != nil {
			t.Fatal(err)
		}
		idle()
		second := w.begin("b", &topic.Write{Records: records(1)})
		if _, err := w.DeleteRecords(context.Background(), "a", &Deletion{Before: ptr(uint64(2))}); err != nil {
			t.Fatal(err)
		}
		if got := w.Applied(); got > second.Commit.Span.Start {
			t.Errorf("%v: applied to %d, and the write at %d is not", c, got, second.Commit.Span.Start)
		}
		if _, err := second.Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.routing.PutRouter(context.Background(), "r", router.Spec{Source: "a", Dest: "made", CreateDest: true, Guarantee: router.AtLeastOnce}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Delete(context.Background(), "b", false); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.routing.DeleteRouter(context.Background(), "r"); err != nil {
			t.Fatal(err)
		}
		idle()
	}
}

// The end of a topic that is not durable yet is not applied.
func TestAppliedWaitsForChanges(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Fsync))
	w.write("a", 1)
	before := w.Applied()
	_, at, err := w.assignDrop(w.slot(), "a", false)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := w.Applied(); got > before {
			t.Errorf("applied to %d, and the end of the topic after %d is not", got, before)
		}
	}
	if err := w.changes.Await(at); err != nil {
		t.Fatal(err)
	}
	if got := w.Applied(); got != w.shared.Log.Tail() {
		t.Errorf("applied to %d of %d", got, w.shared.Log.Tail())
	}
}

// A write that is refused its place leaves nothing.
func TestAppliedAfterRefusals(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Fsync))
	w.write("a", 1)
	w.shared.Log.Close()
	for _, err := range []error{
		func() error {
			_, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(1)})
			return err
		}(),
		func() error { _, err := w.Put(context.Background(), "b", nil); return err }(),
	} {
		if err == nil {
			t.Error("a closed log takes writes")
		}
	}
	for i := range w.shared.Applying.Counts {
		if n := w.shared.Applying.Counts[i].Load(); n != 0 {
			t.Errorf("%d commits are counted", n)
		}
	}
}

// Whatever the order in which writers come and go, nothing that has not been
// applied is said to be.
func TestAppliedUnderLoad(t *testing.T) {
	const writers, writes = 8, 300
	w := newWorld(t)
	for i := range writers {
		w.put(fmt.Sprint(i), class(record.Memory))
	}
	var under [writers]atomic.Uint64 // where the write of each is that is not applied; math.MaxUint64 if it has none
	for i := range under {
		under[i].Store(math.MaxUint64)
	}
	var group sync.WaitGroup
	failed := make(chan error, writers)
	for i := range writers {
		group.Go(func() {
			for range writes {
				p, err := w.Begin(context.Background(), fmt.Sprint(i), &topic.Write{Records: records(1)})
				if err == nil {
					under[i].Store(uint64(p.Commit.Span.Start))
					runtime.Gosched()
					under[i].Store(math.MaxUint64)
					_, err = p.Wait()
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	go func() { group.Wait(); close(stop) }()
	var last wal.LSN
	for moved := 0; ; {
		at := w.Applied()
		if at < last {
			t.Fatalf("it went back from %d to %d", last, at)
		}
		if at > last {
			moved++
		}
		last = at
		for i := range under {
			if start := under[i].Load(); start < uint64(at) {
				t.Fatalf("applied to %d, and the write at %d is not", at, start)
			}
		}
		select {
		case <-stop:
		default:
			runtime.Gosched()
			continue
		}
		if at := w.Applied(); at != w.shared.Log.Tail() || moved < 2 {
			t.Errorf("applied to %d of %d in the end, which moved %d times", at, w.shared.Log.Tail(), moved)
		}
		break
	}
	close(failed)
	if err := errors.Join(<-failed); err != nil {
		t.Error(err)
	}
}
