package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Backups during writes, checkpoints, merges and relocations on a real disk:
// each has everything that was acknowledged before it began, and a prefix of
// every topic. How much is written and how often the storage is kept up do not
// depend on how fast the machine is: a checkpoint takes the longer the more has
// been written.
func TestBackupWhileServing(t *testing.T) {
	dir := t.TempDir()
	now := func() int64 { return time.Now().UnixMilli() }
	o := options(vfs.OS(), filepath.Join(dir, "data"), now)
	o.Now = time.Now
	o.WAL.Manual, o.WAL.FileBytes = false, 64<<10
	o.Storage.Segment = segment.Limits{Bytes: 16 << 10, Records: 400}
	o.Storage.ColdDir, o.Storage.ArchiveDir = filepath.Join(dir, "cold"), filepath.Join(dir, "archive")
	data := recoverytest.Run(t, o)
	const writers = 3
	var acked [writers]atomic.Uint64
	var wg sync.WaitGroup
	writes := make(chan struct{})
	for i := range writers {
		wg.Go(func() {
			for range writes {
				n := acked[i].Load() + 1
				w := topic.Write{DisableBackpressure: true, Records: []record.Record{{Data: fmt.Appendf(nil, `"%d of %d %0200d"`, n, i, n)}}}
				if _, err := data.Registry.Append(context.Background(), fmt.Sprint("w", i), &w); err != nil {
					t.Error(err)
				}
				acked[i].Store(n)
			}
		})
	}
	// work has records written while the storage is kept up once.
	work := func(records int) {
		var upkeep sync.WaitGroup
		upkeep.Go(func() {
			if err := recoverytest.Upkeep(context.Background(), data); err != nil {
				t.Error(err)
			}
		})
		for range records {
			writes <- struct{}{}
		}
		upkeep.Wait()
	}
	for round := range 4 {
		work(300)
		work(300)
		var before [writers]uint64
		for i := range acked {
			before[i] = acked[i].Load()
		}
		from, to := filepath.Join(dir, fmt.Sprint("backup-", round)), filepath.Join(dir, fmt.Sprint("restored-", round))
		r, w := io.Pipe()
		go func() {
			_, err := backup.Stream(context.Background(), data.Store, w)
			w.CloseWithError(err)
		}()
		busy := &busyReader{Reader: r, first: func() { work(50) }, then: func() { writes <- struct{}{} }}
		if _, err := backup.Unpack(context.Background(), vfs.OS(), from, busy); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Restore(context.Background(), backup.Restoring{FS: vfs.OS(), From: from, To: to}); err != nil {
			t.Fatal(err)
		}
		restored := reopen(t, vfs.OS(), to, now)
		for i := range writers {
			front(t, restored.Registry, i, before[i])
		}
		if err := restored.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	close(writes)
	wg.Wait()
	if s := data.StorageStats(); s.Merges == 0 || s.Relocations == 0 || s.Checkpoints < 8 {
		t.Errorf("the storage was not kept up during all of this: %+v", s)
	}
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// busyReader causes other work while it is read: first once it has begun to
// read, and then after each other part.
type busyReader struct {
	io.Reader
	first, then func()

	begun bool
}

func (b *busyReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if !b.begun {
		b.begun = true
		b.first()
	} else {
		b.then()
	}
	return n, err
}

// front holds that a topic has the records 1 to n, with n at least least.
func front(t *testing.T, r *topics.Registry, i int, least uint64) {
	t.Helper()
	q := topic.Query{Limit: 500, MaxBytes: 1 << 20}
	var seq uint64
	for {
		b, err := r.Read(context.Background(), fmt.Sprint("w", i), &q)
		if err != nil || b.Tombstone != nil {
			t.Fatalf("%v, tombstone %+v", err, b.Tombstone)
		}
		for _, rec := range b.Records {
			seq++
			if want := fmt.Sprintf(`"%d of %d %0200d"`, seq, i, seq); rec.Seq != seq || string(rec.Data) != want {
				t.Fatalf("seq %d holds %s", rec.Seq, rec.Data)
			}
		}
		if q.From = b.NextFrom; q.From == b.Head {
			break
		}
	}
	if seq < least {
		t.Fatalf("topic %d has %d records, and %d were acknowledged before the backup", i, seq, least)
	}
}

// Pinned files stay through merges, relocations and checkpoints, and those no
// longer needed are removed at the end.
func TestPinnedFilesStay(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 33)
	for range 3 {
		w.steps(40)
		w.upkeep()
	}
	p, err := w.data.Pin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.steps(60)
		w.upkeep()
	}
	if s := w.data.StorageStats(); s.Merges == 0 || s.Relocations == 0 {
		t.Fatalf("nothing was merged or moved: %+v", s)
	}
	gone := 0
	names := referenced(t, fsys)
	for _, f := range p.Files {
		if _, err := vfs.ReadFile(fsys, f.Path); err != nil {
			t.Fatalf("pinned: %v", err)
		}
		if !names[f.Path] {
			gone++
		}
	}
	if gone < 5 {
		t.Fatalf("only %d of the pinned files are not needed any more", gone)
	}
	// A crash in between needs no special treatment.
	after := fsys.Clone().Kill()
	other := &world{t: t, fs: after, now: w.now}
	other.open()
	same(t, "after a crash", dump(t, w.data.Registry), dump(t, other.data.Registry))

	p.Release()
	names = referenced(t, fsys)
	for _, f := range p.Files {
		_, err := vfs.ReadFile(fsys, f.Path)
		if err == nil && !names[f.Path] {
			t.Errorf("%s is still there", f.Path)
		}
	}
	w.close()
}

// referenced returns the full names of the files that the manifest refers to.
func referenced(t *testing.T, fsys vfs.FS) map[string]bool {
	t.Helper()
	m, err := manifest.Read(fsys, "/data")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
		for _, f := range c.Stored("/data", "/cold") {
			names[f.Path] = true
		}
	}
	logs, err := fsys.List("/data/wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		var index uint64
		if n, _ := fmt.Sscanf(name, "%16x.wal", &index); n == 1 && index >= m.Previous.File {
			names["/data/wal/"+name] = true
		}
	}
	return names
}

// A pin that outlives the use of the directory does not affect the directory.
func TestPinEndsWithItsDirectory(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 35)
	w.steps(60)
	p, err := w.data.Pin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w.steps(60)
	w.upkeep()
	w.close()
	before := fsys.Ops()
	if p.Release(); fsys.Ops() != before {
		t.Error("released after the end, and something was written")
	}
	if _, err := w.data.Pin(context.Background()); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("pinned after the end: %v", err)
	}
}

// A backup that is interrupted keeps no files.
func TestBackupIsGivenUp(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 34)
	w.steps(60)
	for _, limit := range []int{0, 100, 5000} {
		if _, err := backup.Stream(context.Background(), w.data.Store, &brokenPipe{left: limit}); !errors.Is(err, errBroken) {
			t.Fatalf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := backup.Stream(ctx, w.data.Store, io.Discard); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	for range 3 {
		w.steps(40)
		w.upkeep()
	}
	names, err := fsys.List("/data/segments")
	if err != nil {
		t.Fatal(err)
	}
	needed := referenced(t, fsys)
	for _, name := range names {
		if !needed["/data/segments/"+name] {
			t.Errorf("%s is still there", name)
		}
	}
	var tar bytes.Buffer
	if _, err := backup.Stream(context.Background(), w.data.Store, &tar); err != nil {
		t.Fatal(err)
	}
	w.close()
}

var errBroken = errors.New("broken pipe")

type brokenPipe struct{ left int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}
