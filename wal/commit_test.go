package wal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// held opens a log on a valve, in a bubble where nothing happens by itself but
// what the test waits for.
func held(t *testing.T, change func(*Options)) (*valve, *Log) {
	t.Helper()
	v := &valve{FS: crashfs.New()}
	o := options(v, ".")
	o.DiskSync = time.Hour
	if change != nil {
		change(&o)
	}
	l, _, _ := reopen(t, o)
	synctest.Wait() // the next file is there
	return v, l
}

func no(LSN) error { return nil }

// TestLoneWriterPaysForItself: one write and one sync per frame, no more.
func TestLoneWriterPaysForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := held(t, nil)
		for i := range 10 {
			writes, syncs := v.writes.count.Load(), v.syncs.count.Load()
			_, err := add(l, payload(i), l.WaitSynced)
			check(t, err)
			if w, s := v.writes.count.Load()-writes, v.syncs.count.Load()-syncs; w != 1 || s != 1 {
				t.Errorf("frame %d took %d writes and %d syncs", i, w, s)
			}
			check(t, l.WaitWritten(l.mu.tail))
			check(t, l.WaitSynced(l.mu.tail))
			if s := v.syncs.count.Load() - syncs; s != 1 {
				t.Errorf("waiting for what is done took %d syncs", s-1)
			}
		}
		check(t, l.Close())
	})
}

// TestOneSyncServesAllThatCame: frames appended while a sync is running are
// the next group, whole, and in the file before that sync ends.
func TestOneSyncServesAllThatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers = 50
		var groups []Group
		v, l := held(t, func(o *Options) { o.Observe = func(g Group) { groups = append(groups, g) } })
		var wg sync.WaitGroup
		write := func(i int, wait func(LSN) error) {
			wg.Go(func() {
				if _, err := add(l, payload(i), wait); err != nil {
					t.Error(err)
				}
			})
		}
		v.syncs.close()
		write(0, l.WaitSynced)
		synctest.Wait()
		for i := range writers {
			write(1+i, l.WaitSynced)
		}
		synctest.Wait()
		if syncs := l.Stats().Syncs; syncs != 0 || len(groups) != 0 {
			t.Errorf("%d syncs while the first is held up", syncs)
		}
		// A frame that waits for the write only is not held up by the sync.
		if _, err := add(l, payload(99), l.WaitWritten); err != nil {
			t.Error(err)
		}
		v.syncs.open()
		wg.Wait()
		if len(groups) != 2 || groups[0].Frames != 1 || groups[1].Frames != writers+1 || groups[1].Bytes == 0 {
			t.Errorf("groups %+v", groups)
		}
		if s := l.Stats(); s.Syncs != 2 || s.Written != s.Synced || s.QueueDepth != 0 {
			t.Errorf("stats %+v", s)
		}
		check(t, l.Close())
	})
}

// TestMuchIsWrittenEarly: while a sync runs, little waits for the next one to be
// written, and much is written at once by those that wait for it.
func TestMuchIsWrittenEarly(t *testing.T) {
	for _, row := range []struct {
		name  string
		bytes int
		early bool
	}{
		{"little", earlyWrite / 4, false},
		{"much", earlyWrite / 2, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, l := held(t, func(o *Options) { o.FileBytes, o.QueueBytes = 4<<20, 4<<20 })
				var wg sync.WaitGroup
				write := func(bytes int) {
					wg.Go(func() {
						_, err := add(l, make([]byte, bytes), l.WaitSynced)
						check(t, err)
					})
					synctest.Wait()
				}
				v.syncs.close()
				write(100)
				write(row.bytes)
				write(row.bytes)
				s := l.Stats()
				if written := s.QueueDepth == 0; written != row.early || s.Syncs != 0 {
					t.Errorf("with a sync held up: %+v", s)
				}
				v.syncs.open()
				wg.Wait()
				if s := l.Stats(); s.Syncs != 2 || s.Written != s.Synced || s.QueueDepth != 0 {
					t.Errorf("at the end: %+v", s)
				}
				check(t, l.Close())
			})
		})
	}
}

// TestQueueIsBounded fills the queue of a log whose writes are stuck.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, bound = 968, 16 << 10
		v, l := held(t, func(o *Options) { o.QueueBytes = bound })
		v.writes.close()
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for n := 0; ; n++ {
			_, err := l.TryAppend(0, 1, nil, make([]byte, size))
			if errors.Is(err, ErrBusy) && n == bound/1000 {
				break
			}
			check(t, err)
		}
		wg.Go(func() { check(t, l.WaitWritten(l.mu.tail)) })
		if s := l.Stats(); s.QueueDepth > bound || s.QueueDepthPeak != s.QueueDepth || s.SubmitFull == 0 || s.QueueBytes != bound {
			t.Errorf("stats %+v", s)
		}

		began := time.Now()
		room, err := l.Reserve(ctx, size, 0)
		waited := room.Waited
		if took := time.Since(began); !errors.Is(err, ErrQueueFull) || waited != l.opts.QueueWait || took != waited {
			t.Errorf("impatient: %v after %v, reported %v", err, took, waited)
		}
		var admitted, canceled error
		var patience time.Duration
		wg.Go(func() {
			room, err := l.Reserve(context.Background(), size, Patient)
			patience, admitted = room.Waited, err
			room.Release()
		})
		wg.Go(func() { _, canceled = l.Reserve(ctx, size, Patient) })
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		if !errors.Is(canceled, context.Canceled) || patience != 0 {
			t.Errorf("canceled: %v; patient: %v", canceled, admitted)
		}
		v.writes.open()
		wg.Wait()
		if admitted != nil || patience != time.Minute {
			t.Errorf("patient: %v after %v", admitted, patience)
		}
		_, err = add(l, make([]byte, 2*bound), l.WaitSynced) // alone, a frame may be bigger than the queue
		check(t, err)
		check(t, l.Close())
	})
}

// TestFullQueueIsWrittenByItself: a queue without waiters makes room.
func TestFullQueueIsWrittenByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.QueueBytes = 4 << 10 })
		began := time.Now()
		for range 30 {
			_, err := add(l, make([]byte, 1000), no)
			check(t, err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("took %v on the clock: the writer waited for the next step of the background", took)
		}
		check(t, l.Close())
	})
}

// TestUnsyncedBytesAreSyncedInTime: without a waiter a frame is durable within
// DiskSync, then marked; an idle log does nothing.
func TestUnsyncedBytesAreSyncedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := held(t, func(o *Options) { o.DiskSync = time.Second })
		for range 5 {
			time.Sleep(1700 * time.Millisecond)
			span, err := add(l, payload(5), no)
			check(t, err)
			time.Sleep(l.opts.DiskSync)
			synctest.Wait()
			if l.Synced() < span.End {
				t.Errorf("not synced %v after", l.opts.DiskSync)
			}
		}
		time.Sleep(3 * l.opts.DiskSync)
		synctest.Wait()
		if l.mu.marked != l.mu.tail || l.Written() != l.mu.tail {
			t.Errorf("idle and not marked: tail %d, written %d, marked %d", l.mu.tail, l.Written(), l.mu.marked)
		}
		writes, syncs := v.writes.count.Load(), v.syncs.count.Load()
		time.Sleep(time.Hour)
		if v.writes.count.Load() != writes || v.syncs.count.Load() != syncs {
			t.Error("an idle log goes on writing")
		}
		check(t, l.Close())
	})
}

// TestMarkerNeverOvertakesAFrame: a frame that came after the last step of the
// background looked is not taken for synced.
func TestMarkerNeverOvertakesAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, nil)
		_, err := add(l, payload(1), l.WaitSynced)
		check(t, err)
		seen := l.mu.tail
		_, err = add(l, payload(2), no)
		check(t, err)
		end := l.mu.tail
		if got := l.mark(seen); got != end || l.mu.marked == end {
			t.Errorf("marked at %d, after a frame that is not synced", got)
		}
		if idle, err := l.Tick(); idle || err != nil || l.Synced() != end {
			t.Errorf("the next step: idle %v, %v, synced %d of %d", idle, err, l.Synced(), end)
		}
		check(t, l.Close())
	})
}

// TestWriteSoon writes a frame without a waiter.
func TestWriteSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, nil)
		span, err := add(l, payload(1), no)
		check(t, err)
		l.WriteSoon()
		synctest.Wait()
		if l.Written() < span.End || l.Synced() >= span.End {
			t.Errorf("written %d, synced %d, frame ends at %d", l.Written(), l.Synced(), span.End)
		}
		check(t, l.Close())
	})
}

// TestWhatIsUnderWay: a disk that does not answer shows while it does not.
func TestWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := held(t, func(o *Options) { o.QueueBytes = 16 << 10; o.QueueWait = time.Hour })
		idle := func() {
			t.Helper()
			synctest.Wait()
			if s := l.Stats(); s.Writing != 0 || s.Syncing != 0 || s.Waiting != 0 || s.Blocked != 0 {
				t.Errorf("an idle log has %+v", s)
			}
		}
		idle()
		var wg sync.WaitGroup
		v.syncs.close()
		for i := range 3 {
			wg.Go(func() {
				_, err := add(l, payload(i), l.WaitSynced)
				check(t, err)
			})
		}
		time.Sleep(15 * time.Second)
		if s := l.Stats(); s.Syncing != 15*time.Second || s.Writing != 0 || s.Waiting != 3 || s.Blocked != 0 {
			t.Errorf("with a sync held up: %+v", s)
		}
		v.syncs.open()
		wg.Wait()
		idle()

		v.writes.close()
		wg.Go(func() {
			_, err := add(l, make([]byte, 15<<10), l.WaitWritten)
			check(t, err)
		})
		synctest.Wait()
		wg.Go(func() {
			room, err := l.Reserve(t.Context(), 8<<10, Patient)
			check(t, err)
			room.Release()
		})
		time.Sleep(5 * time.Second)
		if s := l.Stats(); s.Writing != 5*time.Second || s.Syncing != 0 || s.Waiting != 1 || s.Blocked != 1 {
			t.Errorf("with a write held up: %+v", s)
		}
		v.writes.open()
		wg.Wait()
		idle()

		// The log's own syncs have no writer that waits for them.
		v.syncs.close()
		_, err := add(l, payload(9), l.WaitWritten)
		check(t, err)
		time.Sleep(time.Hour + 2*time.Second)
		if s := l.Stats(); s.Syncing < time.Second || s.Waiting != 0 {
			t.Errorf("with a sync of its own held up: %+v", s)
		}
		v.syncs.open()
		check(t, l.Close())
	})
}
