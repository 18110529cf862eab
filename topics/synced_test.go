package topics

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// syncGate is a disk whose syncs wait while the test holds it, or fail.
type syncGate struct {
	vfs.FS
	held sync.RWMutex
	err  error
	came chan struct{} // not nil: has a value once a sync has come
}

type syncGatedFile struct {
	vfs.File
	gate *syncGate
}

func (g *syncGate) Open(name string) (vfs.File, error) {
	f, err := g.FS.Open(name)
	return &syncGatedFile{f, g}, err
}

func (g *syncGate) Create(name string) (vfs.File, error) {
	f, err := g.FS.Create(name)
	return &syncGatedFile{f, g}, err
}

func (f *syncGatedFile) Sync() error {
	select {
	case f.gate.came <- struct{}{}:
	default: // no goroutine asks, or one has come already
	}
	f.gate.held.RLock()
	defer f.gate.held.RUnlock()
	return errors.Join(f.gate.err, f.File.Sync())
}

// newSyncWorld is a world that syncs when a goroutine waits for it, through a gate.
func newSyncWorld(t *testing.T) (*world, *syncGate) {
	gate := &syncGate{}
	w := newWorld(t, func(w *world) {
		w.wrap = func(fsys vfs.FS) vfs.FS {
			gate.FS = fsys
			return gate
		}
	})
	return w, gate
}

// strong is a query for what is synced.
func strong(from uint64) *topic.Query {
	return &topic.Query{From: from, Limit: 1000, MaxBytes: 1 << 20, Synced: true}
}

// TestSyncedReadWaits holds that a read of what is synced gives no record that
// a power cut could take.
func TestSyncedReadWaits(t *testing.T) {
	w, _ := newSyncWorld(t)
	w.put("a", &record.ConfigPatch{})
	w.write("a", 3)
	p := w.begin("a", &topic.Write{Records: records(1)})
	if w.shared.Log.Synced() >= w.catalog.Lookup("a").Applied {
		t.Fatal("synced without being asked")
	}
	b := w.query("a", strong(0))
	if !reflect.DeepEqual(seqs(b), run(1, 3)) || b.NextFrom != 3 || b.Head != 3 {
		t.Fatalf("%+v", b)
	}
	if w.shared.Log.Synced() < w.catalog.Lookup("a").Applied {
		t.Fatal("what was read is not synced")
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if b = w.query("a", strong(3)); !reflect.DeepEqual(seqs(b), run(4, 4)) {
		t.Fatalf("%+v", b)
	}
	w.power(1)
	if b = w.read("a", 0); !reflect.DeepEqual(seqs(b), run(1, 4)) {
		t.Fatalf("a power cut took what was read: %v", seqs(b))
	}
}

// TestSyncedReadStopsAtItsHead holds that what is written while a read waits
// for its sync is left to the next one, and that its context ends the wait.
func TestSyncedReadStopsAtItsHead(t *testing.T) {
	w, gate := newSyncWorld(t)
	w.put("a", &record.ConfigPatch{})
	w.write("a", 2)
	gate.held.Lock()
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan *topic.Batch)
	for _, ctx := range []context.Context{ctx, context.Background()} {
		go func() {
			b, err := w.Read(ctx, "a", strong(0))
			if err != nil {
				t.Error(err)
			}
			got <- b
		}()
	}
	w.write("a", 3)
	cancel()
	if b := <-got; len(b.Records) > 0 || b.NextFrom != 0 || b.Head != 5 {
		t.Fatalf("read what is not synced: %+v", b)
	}
	gate.held.Unlock()
	b := <-got
	if n := uint64(len(b.Records)); n != 2 && n != 5 || b.NextFrom != n {
		t.Fatalf("%+v", b)
	}
	// The same without the race: the head that was noted is the end.
	_, v := w.catalog.Lookup("a"), &topic.Batch{}
	if err := w.shared.Fetch(context.Background(), strong(0), v, w.catalog.Lookup("a").ViewThroughLocked(strong(0), v, w.now, 3)); err != nil || !reflect.DeepEqual(seqs(v), run(1, 3)) || v.NextFrom != 3 || v.Head != 5 {
		t.Fatalf("%+v, %v", v, err)
	}
	q := strong(2)
	q.Wait = time.Nanosecond
	if b := w.query("a", q); b.NextFrom != 5 && b.NextFrom != 2 {
		t.Fatalf("%+v", b)
	}
}

// TestSyncedReadOfAFailedLog holds that records that will never be synced are
// not given, with an error that says so, and that those that are go on.
func TestSyncedReadOfAFailedLog(t *testing.T) {
	w, gate := newSyncWorld(t)
	w.put("a", &record.ConfigPatch{})
	w.write("old", 1)
	w.query("old", strong(0))
	w.write("a", 1)
	gate.held.Lock()
	gate.err = errors.New("the disk is gone")
	gate.held.Unlock()
	if _, err := w.Read(context.Background(), "a", strong(0)); kindOf(err) != record.KindReadOnly {
		t.Fatal(err)
	}
	if b := w.query("old", strong(0)); len(b.Records) != 1 {
		t.Fatalf("%+v", b)
	}
	if b := w.read("a", 0); len(b.Records) != 1 {
		t.Fatalf("%+v", b)
	}
}

func TestSyncedReadOfEphemeralRecords(t *testing.T) {
	w, _ := newSyncWorld(t)
	w.put("a", class(record.Ephemeral))
	w.write("a", 2)
	if b := w.query("a", strong(0)); len(b.Records) != 2 {
		t.Fatalf("%+v", b)
	}
	if _, err := w.Read(context.Background(), "b", strong(0)); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
}
