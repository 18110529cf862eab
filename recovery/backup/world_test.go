package backup_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// world is a data directory in use, with a history determined by its seed.
type world struct {
	t    *testing.T
	fs   vfs.FS
	now  int64
	rng  *rand.Rand
	data *recovery.Recovered
	ops  int
	// fault is the cause that errors may have; if it is nil there must be none.
	fault error
	keys  map[string]uint64 // first seq of each idempotency key, for existing topics
	// mount is the mount of the directory. Changing it counts as a power cut. If
	// it is empty, that of options is used.
	mount string
	// routes makes routers copy everything to one topic.
	routes bool
}

func options(fsys vfs.FS, dir string, now func() int64) recovery.Options {
	o := recoverytest.Options(fsys, now)
	o.Dir, o.WAL.FileBytes, o.Storage.HotSegments = dir, 4<<10, 2
	o.WAL.QueueWait = time.Second // tests fill the log, and wait until a write is refused
	o.Now = func() time.Time { return time.UnixMilli(now()) }
	return o
}

func newWorld(t *testing.T, fsys vfs.FS, seed uint64) *world {
	w := &world{t: t, fs: fsys, now: 1_000_000, rng: rand.New(rand.NewPCG(seed, 1)), keys: map[string]uint64{}}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	o := options(w.fs, "/data", func() int64 { return w.now })
	o.Mount = cmp.Or(w.mount, o.Mount)
	w.data = recoverytest.Run(w.t, o)
}

func (w *world) close() {
	w.t.Helper()
	if err := w.data.Close(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// step makes one change, durably, and advances the clock.
func (w *world) step() {
	w.t.Helper()
	w.ops++
	w.now += 10
	name := fmt.Sprintf("topic-%d", w.rng.IntN(4))
	ctx, r := context.Background(), w.data.Registry
	switch n := w.rng.IntN(20); {
	case n == 0:
		limit, class := int64(5+w.rng.IntN(40)), "fsync"
		if _, err := r.Put(ctx, name, &record.ConfigPatch{CapRecords: &limit, Durability: &class}); err != nil {
			w.failed(err)
		}
	case n == 1:
		before := uint64(w.rng.IntN(30))
		_, err := r.DeleteRecords(ctx, name, &topics.Deletion{Before: &before})
		if err != nil && !strings.Contains(err.Error(), "found") && !strings.Contains(err.Error(), "exist") {
			w.failed(err)
		}
	case n == 2 && w.ops%3 == 0:
		for key := range w.keys {
			if strings.HasPrefix(key, name) {
				delete(w.keys, key)
			}
		}
		if _, err := r.Delete(ctx, name, false); err != nil {
			w.failed(err)
		}
	default:
		w.write(name)
	}
}

func (w *world) write(name string) {
	w.t.Helper()
	class := "fsync"
	key := fmt.Sprintf("%s-%d", name, w.ops)
	out := &topic.Write{IdempotencyKey: key, DisableBackpressure: true, Config: &record.ConfigPatch{Durability: &class}}
	if _, err := w.data.Registry.State(name, false); err == nil {
		out.Config = nil
	}
	for i := range 1 + w.rng.IntN(5) {
		out.Records = append(out.Records, record.Record{
			Data: fmt.Appendf(nil, `"%d %d %s"`, w.ops, i, strings.Repeat("x", w.rng.IntN(150))), Tag: []byte("tag"),
		})
	}
	p, err := w.data.Registry.Begin(context.Background(), name, out)
	if err == nil {
		_, err = p.Wait()
	}
	if err != nil {
		w.failed(err)
		return
	}
	w.keys[key] = p.Placed().First
	if w.routes {
		w.route(name)
	}
}

// route adds a router from a topic to the one that all share.
func (w *world) route(name string) {
	w.t.Helper()
	r, ctx, class := w.data.Registry, context.Background(), "fsync"
	if _, err := r.Put(ctx, "copies", &record.ConfigPatch{Durability: &class}); err != nil {
		w.failed(err)
	}
	spec := router.Spec{Source: name, Dest: "copies", PreserveTag: w.ops%2 == 0}
	if _, err := r.Routing().PutRouter(ctx, name+">copies", spec); err != nil {
		w.failed(err)
	}
	r.Forward(ctx)
}

// upkeep does the work of the background tasks.
func (w *world) upkeep() {
	w.t.Helper()
	err := recoverytest.Upkeep(context.Background(), w.data)
	if err == nil { // the log's background task archives finished files
		_, err = w.data.Log.Tick()
	}
	if err != nil {
		w.failed(err)
	}
}

// failed holds that an error was caused by the test's fault.
func (w *world) failed(err error) {
	w.t.Helper()
	if w.fault == nil || !errors.Is(err, w.fault) {
		w.t.Fatalf("operation %d: %v", w.ops, err)
	}
}

func (w *world) steps(n int) {
	w.t.Helper()
	for range n {
		w.step()
	}
}

func (w *world) backup(to string) *backup.Description {
	w.t.Helper()
	var tar bytes.Buffer
	if _, err := backup.Stream(context.Background(), w.data.Store, &tar); err != nil {
		w.t.Fatal(err)
	}
	d, err := backup.Unpack(context.Background(), w.fs, to, &tar)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// restored recovers a directory, dumps it, and closes it.
func (w *world) restored(fsys vfs.FS, dir string) string {
	w.t.Helper()
	data := reopen(w.t, fsys, dir, func() int64 { return w.now })
	text := dump(w.t, data.Registry)
	if err := data.Close(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	return text
}

func reopen(t *testing.T, fsys vfs.FS, dir string, now func() int64) *recovery.Recovered {
	t.Helper()
	o := options(fsys, dir, now)
	o.Storage.ColdDir, o.Storage.ArchiveDir = "", ""
	return recoverytest.Run(t, o)
}

// dump returns everything that a client can see.
func dump(t *testing.T, r *topics.Registry) string {
	t.Helper()
	r.Forward(context.Background())
	var b strings.Builder
	page, _ := r.List("", "", 100)
	for _, s := range page {
		s.LastRead, s.EffectivePriority = 0, 0
		fmt.Fprintf(&b, "%+v\n", s)
		for _, batch := range recoverytest.Batches(t, r, s.Name, 9) {
			if g := batch.Tombstone; g != nil {
				fmt.Fprintf(&b, "  %d..%d %s\n", g.GapFrom, g.GapTo, g.Reason)
			}
			for _, rec := range batch.Records {
				fmt.Fprintf(&b, "  %d at %d: %s tag %s\n", rec.Seq, rec.TS, rec.Data, rec.Tag)
			}
		}
	}
	routers, _ := r.Routing().Routers("", "", "", "", 100)
	for _, s := range routers {
		s.Rate = 0 // of the last minute, whatever is stored
		fmt.Fprintf(&b, "%+v\n", s)
	}
	return b.String()
}

func same(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("%s: line %d was\n%s\nand is\n%s", what, i, a[i], b[i])
		}
	}
	t.Fatalf("%s: %d lines, and now %d", what, len(a), len(b))
}

func TestOnlineRoundTrip(t *testing.T) {
	for seed := range uint64(40) {
		fsys := crashfs.New()
		w := newWorld(t, fsys, seed)
		for range w.rng.IntN(4) {
			w.steps(w.rng.IntN(80))
			w.upkeep()
		}
		w.steps(w.rng.IntN(60))
		d := w.backup("/backup")
		want := dump(t, w.data.Registry)
		keys := maps.Clone(w.keys)
		w.steps(30) // not in the backup
		w.upkeep()
		out, err := backup.Restore(context.Background(), backup.Restoring{FS: fsys, From: "/backup", To: "/restored"})
		if err != nil {
			t.Fatal(err)
		}
		if out.EndLSN != d.EndLSN {
			t.Fatalf("seed %d: restored %+v of a backup up to %d", seed, out, d.EndLSN)
		}
		same(t, fmt.Sprintf("seed %d", seed), want, w.restored(fsys, "/restored"))
		// Idempotency keys of restored writes are known, and a second start gives the
		// same.
		data := reopen(t, fsys, "/restored", func() int64 { return w.now })
		for key, first := range keys {
			p, err := data.Registry.Begin(context.Background(), key[:strings.LastIndex(key, "-")], &topic.Write{
				IdempotencyKey: key, Records: []record.Record{{Data: []byte(`1`)}}, DisableBackpressure: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Wait(); err != nil || p.Placed().First != first {
				t.Fatalf("seed %d: key %s answers seq %d, was %d: %v", seed, key, p.Placed().First, first, err)
			}
		}
		same(t, "the directory that was backed up", dump(t, w.data.Registry), func() string { w.close(); w.open(); return dump(t, w.data.Registry) }())
	}
}

func copying(fsys vfs.FS, dir, cold, to string) backup.Copying {
	return backup.Copying{FS: fsys, Dir: dir, Cold: cold, To: to, BootID: "boot", Mount: "mount"}
}
