package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// persons is a topic whose records are about persons. Their data are random
// bytes, which no compression changes, so that a search finds them in segments.
type persons struct {
	t    *testing.T
	fsys *crashfs.FS
	data *recovery.Recovered
	rng  *rand.Rand
	of   map[string][][]byte // by tag
}

func newPersons(t *testing.T, fsys *crashfs.FS, on vfs.FS) *persons {
	return newPersonsWith(t, fsys, options(on, 0, func() int64 { return simEpoch }))
}

func newPersonsWith(t *testing.T, fsys *crashfs.FS, o recovery.Options) *persons {
	data := recoverytest.Run(t, o)
	return &persons{t: t, fsys: fsys, data: data, rng: rand.New(rand.NewPCG(1, 2)), of: map[string][][]byte{}}
}

// write appends so many records of each tag.
func (p *persons) write(name string, n int, tags ...string) {
	p.t.Helper()
	w := &topic.Write{DisableBackpressure: true}
	for range n {
		for _, tag := range tags {
			b := make([]byte, 64)
			for i := range b {
				b[i] = byte(p.rng.Uint32())
			}
			w.Records = append(w.Records, record.Record{Data: b, Tag: []byte(tag)})
			p.of[tag] = append(p.of[tag], b)
		}
	}
	if _, err := p.data.Registry.Append(context.Background(), name, w); err != nil {
		p.t.Fatal(err)
	}
}

// found returns the files in those directories that have data of a person, and
// how many of the person's records they have.
func (p *persons) found(tag string, dirs ...string) (files []string, records int) {
	p.t.Helper()
	seen := map[int]bool{}
	for _, dir := range dirs {
		names, err := p.fsys.List(dir)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, name := range names {
			content, err := vfs.ReadFile(p.fsys, path.Join(dir, name))
			if err != nil {
				continue // a directory
			}
			has := false
			for i, b := range p.of[tag] {
				if bytes.Contains(content, b) {
					seen[i], has = true, true
				}
			}
			if has {
				files = append(files, path.Join(dir, name))
			}
		}
	}
	return files, len(seen)
}

// everywhere is where a server has records, but the archive.
var everywhere = []string{"/data", "/data/wal", "/data/segments", "/data/checkpoints", "/cold"}

func (p *persons) deleteTag(name, tag string) int64 {
	p.t.Helper()
	m, err := record.NewMatch("Eq", tag)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := p.data.Registry.DeleteRecords(context.Background(), name, &topics.Deletion{Match: &m})
	if err != nil {
		p.t.Fatal(err)
	}
	return out.Deleted
}

// tags counts the topic's records by tag.
func (p *persons) tags(name string) map[string]int {
	tags := map[string]int{}
	for _, b := range recoverytest.Batches(p.t, p.data.Registry, name, 100) {
		for _, r := range b.Records {
			tags[string(r.Tag)]++
		}
	}
	return tags
}

// fill fills log, segments and cold directory with the records of two persons,
// one of whom has few.
func (p *persons) fill() {
	p.t.Helper()
	for range 6 {
		p.write("logins", 1, "gone")
		p.write("logins", 40, "stays")
		if err := recoverytest.Upkeep(context.Background(), p.data); err != nil {
			p.t.Fatal(err)
		}
	}
	p.write("logins", 1, "gone", "stays")
}

// TestErasure: after the receipt no file has a byte of what was deleted before, in
// the log, in segments of either tier, or in what is kept to be recycled; and
// nothing else is gone, now or after a restart.
func TestErasure(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	p := newPersons(t, fsys, fsys)
	p.fill()
	for _, dir := range []string{"/data/wal", "/data/segments", "/cold"} {
		if files, _ := p.found("gone", dir); len(files) == 0 {
			t.Fatalf("%s has no record to be erased: the test proves nothing", dir)
		}
	}
	if n := p.deleteTag("logins", "gone"); n != 7 {
		t.Fatalf("%d deleted", n)
	}
	if err := recoverytest.Upkeep(ctx, p.data); err != nil {
		t.Fatal(err)
	}
	if err := recoverytest.Upkeep(ctx, p.data); err != nil {
		t.Fatal(err)
	}
	if _, n := p.found("gone", everywhere...); n == 0 {
		t.Fatal("checkpoints and compaction suffice: the test proves nothing")
	}
	before := p.data.StorageStats()
	r, err := p.data.Erase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if files, n := p.found("gone", everywhere...); n > 0 {
		t.Errorf("%d records are left, in %v", n, files)
	}
	if _, n := p.found("stays", everywhere...); n < 200 { // one or the other is compressed after all
		t.Errorf("%d of %d other records are found on the disk", n, len(p.of["stays"]))
	}
	log := p.data.Log.Files()
	switch {
	case r.Rewritten < 3 || r.Checked < r.Rewritten || r.Records < 6 || r.Records > 7 || r.ReadBytes <= r.WroteBytes || r.WroteBytes == 0,
		r.FirstLSN != log[0].First || r.FirstFile != log[0].Name || r.FirstLSN == 0 || r.Finished.Before(r.Started),
		r.Checkpoint == 0 || r.Elsewhere.ArchiveBefore != log[0].Name || r.Elsewhere.BackupsBefore != r.Finished:
		t.Errorf("%+v", r)
	}
	if s := p.data.StorageStats(); s.SegmentBytes >= before.SegmentBytes+4096 || s.SegmentsCold == 0 {
		t.Errorf("before %+v\nafter %+v", before, s)
	}
	if st := p.data.ErasureState(); st.State != store.ErasureDone || st.Result == nil || *st.Result != r || st.Checked != r.Checked || st.Step != "" {
		t.Errorf("%+v", st)
	}
	if files, _ := p.found("gone", "/archive"); len(files) == 0 {
		t.Error("the archive has nothing of it: what the receipt says of it is not proven")
	}
	again, err := p.data.Erase(ctx) // nothing is dead
	if err != nil || again.Rewritten+again.Removed != 0 || again.Records != 0 || again.Checked == 0 || again.FirstLSN <= r.FirstLSN {
		t.Errorf("%+v, %v", again, err)
	}

	want := map[string]int{"stays": len(p.of["stays"])}
	for range 2 {
		if got := p.tags("logins"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
		if s, err := p.data.Verify(ctx); err != nil || s.DamagesTotal > 0 {
			t.Errorf("%+v, %v", s, err)
		}
		p.fsys = p.fsys.Kill()
		p.data = recoverytest.Run(t, options(p.fsys, 0, func() int64 { return simEpoch }))
		if files, n := p.found("gone", everywhere...); n > 0 {
			t.Errorf("after a restart %d records are back, in %v", n, files)
		}
	}
	if err := p.data.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.data.Erase(ctx); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestErasureOfTopics: what is evicted by a cap, and a topic that is deleted, is
// erased as well, and a segment without anything else is removed.
func TestErasureOfTopics(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	p := newPersons(t, fsys, fsys)
	p.write("whole", 40, "topic")
	if _, err := p.data.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	p.write("capped", 10, "evicted")
	limit := int64(5)
	if _, err := p.data.Registry.Put(ctx, "capped", &record.ConfigPatch{CapRecords: &limit}); err != nil {
		t.Fatal(err)
	}
	p.write("capped", 5, "kept")
	if _, err := p.data.Registry.Delete(ctx, "whole", false); err != nil {
		t.Fatal(err)
	}
	r, err := p.data.Erase(ctx)
	if err != nil || r.Removed == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for tag, want := range map[string]int{"topic": 0, "evicted": 0, "kept": 5} {
		if files, n := p.found(tag, everywhere...); n != want {
			t.Errorf("%d records %s are on the disk, want %d: %v", n, tag, want, files)
		}
	}
	if err := p.data.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestErasureWithoutRoom is refused with the reason, and can be asked for again.
func TestErasureWithoutRoom(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	p := newPersons(t, fsys, fsys)
	p.fill()
	p.deleteTag("logins", "gone")
	free, total, err := fsys.Free("/data")
	if err != nil {
		t.Fatal(err)
	}
	fsys.SetCapacity(int64(total-free) + 1<<10)
	_, err = p.data.Erase(ctx)
	room, ok := errors.AsType[*store.RoomError](err)
	if !ok || !vfs.NoSpace(err) || room.Need <= room.Free || !strings.Contains(err.Error(), "1.0 KiB are free") {
		t.Fatalf("%v", err)
	}
	if st := p.data.ErasureState(); st.State != store.ErasureFailed || st.Error != err.Error() || st.Step != store.StepCheckpoints {
		t.Errorf("%+v", st)
	}
	fsys.SetCapacity(0)
	if _, err := p.data.Erase(ctx); err != nil {
		t.Fatal(err)
	}
	if files, n := p.found("gone", everywhere...); n > 0 {
		t.Errorf("%d records are left, in %v", n, files)
	}
	if err := p.data.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
