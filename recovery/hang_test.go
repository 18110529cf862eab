package recovery_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
)

// hanging is a server with its background on a disk that can hang.
type hanging struct {
	*testing.T
	disk  *hangfs.FS
	data  *recovery.Recovered
	ahead atomic.Int64 // of the clock
}

const hangFile = 64 << 10

// patience is how long a test waits for what does not hang; the machine may be
// busy.
const patience = 2 * time.Minute

func startHanging(t *testing.T, change func(*recovery.Options)) *hanging {
	t.Helper()
	h := &hanging{T: t, disk: hangfs.New(crashfs.New())}
	now := func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }
	h.data = start(t, h.disk, func(o *recovery.Options) {
		o.Now, o.Topics.Now = now, nil
		o.WAL.Manual, o.WAL.FileBytes, o.WAL.QueueBytes, o.WAL.QueueWait = false, hangFile, 1<<20, time.Minute
		o.Storage.CheckpointBytes = 1 << 40 // the tests take them
		o.Storage.HotSegments = 2
		change(o)
	})
	return h
}

// within fails unless f returns soon.
func (h *hanging) within(what string, f func()) {
	h.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		h.Fatalf("%s hangs, too", what)
	}
}

// eventually waits for a condition.
func (h *hanging) eventually(what string, holds func() bool) {
	h.Helper()
	if !comes(holds) {
		h.Fatalf("it never comes that %s: %+v", what, h.data.StorageStats())
	}
}

// comes waits for a condition, and reports whether it holds.
func comes(holds func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			return false
		}
	}
	return true
}

func (h *hanging) write(name string) error {
	text := fmt.Sprintf(`"%s %d %s"`, name, h.data.Log.Tail(), strings.Repeat("x", 2000))
	w := topic.Write{Records: []record.Record{{Data: []byte(text)}}}
	_, err := h.data.Registry.Append(context.Background(), name, &w)
	return err
}

// watched calls what probes and metrics call; none of it may wait for a disk.
func (h *hanging) watched() {
	h.Helper()
	h.within("what watches the server", func() {
		h.data.StorageStats()
		h.data.Log.Stats()
		h.data.Registry.Totals()
		h.data.DamageSeen()
		for _, check := range []health.Check{
			h.data.CheckpointsCheck, h.data.ArchiveCheck, h.data.ColdCheck, h.data.ReserveCheck,
		} {
			check()
		}
	})
}

func (h *hanging) checkpoint() {
	h.Helper()
	h.within("a checkpoint", func() {
		if _, err := h.data.Checkpoint(context.Background()); err != nil {
			h.Error(err)
		}
	})
}

func (h *hanging) drop(name string) {
	h.Helper()
	h.within("a delete", func() {
		if out, err := h.data.Registry.Delete(context.Background(), name, false); err != nil || !out.Deleted {
			h.Errorf("%+v, %v", out, err)
		}
	})
}

// closed ends the life within a time, whatever hangs.
func (h *hanging) closed() {
	h.Helper()
	h.within("the end", func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := h.data.Close(ctx); err != nil {
			h.Error(err)
		}
	})
}

// An archive that hangs, at any of its operations, stops neither writes nor
// checkpoints nor what watches the server. The log keeps its files, up to the
// bound; then writes are throttled, and deletes go on. When it answers
// again all of it is copied and given back.
func TestHungArchive(t *testing.T) {
	for _, op := range []errfs.Op{
		errfs.All, errfs.MkdirAll, errfs.Open, errfs.Remove, errfs.Create, errfs.Write, errfs.Sync, errfs.Rename, errfs.SyncDir,
	} {
		t.Run(op.String(), func(t *testing.T) {
			const most = 6 * hangFile
			h := startHanging(t, func(o *recovery.Options) {
				o.Storage.ColdDir, o.Storage.ArchiveMaxBytes, o.WAL.QueueWait = "", most, 20*time.Millisecond
			})
			hang := h.disk.Hang(op, "/archive")
			if err := h.write("gone"); err != nil {
				t.Fatal(err)
			}
			for count := 0; h.write("a") == nil || h.data.Log.Tail() < most; count++ { // or it waits for a slow machine
				if count%40 == 0 {
					h.checkpoint()
					h.watched()
				}
			}
			if err := h.write("a"); kind(err) != record.KindThrottled {
				t.Fatal(err)
			}
			if tail := h.data.Log.Tail(); tail > most+2*hangFile {
				t.Errorf("writes wait at %d bytes of log", tail)
			}
			<-hang.Reached()
			h.ahead.Store(int64(time.Hour))
			h.watched()
			waiting := h.data.StorageStats().ArchiveWaiting
			if c := h.data.ArchiveCheck(); c.Status != health.Unhealthy || !strings.Contains(c.Reason, "has not answered for 1h0m") ||
				!strings.Contains(c.Reason, fmt.Sprintf("%d files", waiting.Files)) || waiting.Files < 4 {
				t.Errorf("%+v, waiting %+v", c, waiting)
			}
			h.drop("gone")
			h.checkpoint()
			h.checkpoint()
			if n := h.data.Log.Stats().Freed; n > 0 {
				t.Errorf("%d log files went without being archived", n)
			}
			hang.Release()
			h.eventually("the archive has it all", func() bool { return h.data.StorageStats().ArchiveWaiting.Files == 0 })
			h.eventually("the log gives it back", func() bool { return h.data.Log.Stats().Freed >= 4 })
			if c := h.data.ArchiveCheck(); c.Status != health.Healthy {
				t.Errorf("%+v", c)
			}
			h.eventually("writes go on", func() bool { return h.write("a") == nil })
			again := h.disk.Hang(op, "/archive")
			// The files that there are may have been copied before it hung, so
			// writes finish more until the archive is asked for one.
			h.eventually("the archive is asked again", func() bool {
				_ = h.write("a") // refused once the log is full
				select {
				case <-again.Reached():
					return true
				default:
					return false
				}
			})
			h.closed()
			again.Release()
		})
	}
}

// A cold directory that hangs, at any operation of a move, a merge or a removal
// there, stops neither writes nor checkpoints nor merges of other segments.
func TestHungColdDirectory(t *testing.T) {
	for _, op := range []errfs.Op{
		errfs.All, errfs.Open, errfs.Read, errfs.Remove, errfs.Create, errfs.Write, errfs.Sync, errfs.Rename, errfs.SyncDir,
	} {
		t.Run(op.String(), func(t *testing.T) {
			h := startHanging(t, func(o *recovery.Options) { o.Storage.ArchiveDir = "" })
			fill := func(name string) {
				for range 10 {
					if err := h.write(name); err != nil {
						t.Fatal(err)
					}
				}
				h.checkpoint()
			}
			for i := range 6 {
				fill(fmt.Sprint("old", i))
			}
			h.eventually("segments are cold", func() bool { return h.data.StorageStats().SegmentsCold > 2 })
			hang := h.disk.Hang(op, "/cold")
			for i := range 3 {
				h.drop(fmt.Sprint("old", i)) // must be removed there
			}
			for i := range 4 {
				fill(fmt.Sprint("new", i))
			}
			<-hang.Reached()
			merges := h.data.StorageStats().Merges
			for i := range 4 {
				h.drop(fmt.Sprint("new", i))
			}
			for i := range 4 {
				fill(fmt.Sprint("newer", i))
				h.watched()
			}
			h.eventually("hot segments are merged", func() bool { return h.data.StorageStats().Merges > merges })
			h.ahead.Store(int64(time.Hour))
			if c := h.data.ColdCheck(); c.Status != health.Degraded || !strings.Contains(c.Reason, "has not answered for 1h0m") {
				t.Errorf("%+v", c)
			}
			hang.Release()
			h.eventually("all is well again", func() bool {
				h.checkpoint() // what waits is done after each
				s := h.data.StorageStats()
				return h.data.ColdCheck().Status == health.Healthy && s.Segments-s.SegmentsCold <= 2
			})
			for name, want := range map[string]int{"old5": 10, "newer0": 10, "newer3": 10} {
				if got, lost := readAll(t, h.data.Registry, name); len(got) != want || len(lost) > 0 {
					t.Errorf("topic %s: %d records, %d lost", name, len(got), len(lost))
				}
			}
			h.closed()
		})
	}
}

// The end does not wait for a cold directory that hangs, nor for a scrub that
// reads there.
func TestEndWithHungColdDirectory(t *testing.T) {
	h := startHanging(t, func(o *recovery.Options) { o.Storage.ArchiveDir, o.Storage.CacheBytes = "", 0 })
	for i := range 6 {
		for range 10 {
			if err := h.write(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		h.checkpoint()
	}
	h.eventually("segments are cold", func() bool { return h.data.StorageStats().SegmentsCold > 2 })
	hang := h.disk.Hang(errfs.All, "/cold")
	scrubbed := make(chan error, 1)
	go func() { _, err := h.data.Verify(context.Background()); scrubbed <- err }()
	<-hang.Reached()
	for range 10 {
		if err := h.write("last"); err != nil {
			t.Fatal(err)
		}
	}
	h.checkpoint()
	h.closed()
	hang.Release()
	if err := <-scrubbed; err == nil {
		t.Error("the scrub that was cut off has a result")
	}
}

// Whatever directory of the server's own hangs, at whatever operation: what
// watches the server goes on, and once it answers all goes on as if nothing had
// been.
func TestHungDataDirectory(t *testing.T) {
	for _, root := range []string{"/data", "/data/wal", "/data/segments", "/data/checkpoints"} {
		for _, op := range []errfs.Op{
			errfs.Create, errfs.Open, errfs.Read, errfs.Write, errfs.Sync, errfs.Remove, errfs.Rename, errfs.SyncDir, errfs.Free,
		} {
			t.Run(fmt.Sprintf("%s %v", root, op), func(t *testing.T) {
				h := startHanging(t, func(o *recovery.Options) { o.Storage.ArchiveMaxBytes = 0 })
				for range 10 {
					if err := h.write("a"); err != nil {
						t.Fatal(err)
					}
				}
				h.checkpoint()
				hang := h.disk.Hang(op, root)
				done := make(chan error, 1)
				go func() {
					for i := range 60 {
						err := h.write("a")
						if err == nil && i%20 == 19 {
							_, err = h.data.Checkpoint(context.Background())
						}
						if err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				select {
				case <-hang.Reached():
				case err := <-done: // it needs no such operation
					done <- err
				}
				h.watched()
				hang.Release()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				h.watched()
				if got, lost := readAll(t, h.data.Registry, "a"); len(got) != 70 || len(lost) > 0 {
					t.Errorf("%d records, %d lost", len(got), len(lost))
				}
				if c := h.data.CheckpointsCheck(); c.Status != health.Healthy {
					t.Errorf("%+v", c)
				}
				h.closed()
			})
		}
	}
}
