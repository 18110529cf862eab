package topics

import (
	"bytes"
	"context"
	"path"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// storage has what is outside the log of a world: the last checkpoint, and the
// segments in their order.
type storage struct {
	state  []byte // nil: there was no checkpoint
	start  wal.LSN
	ids    []uint64
	segs   []*segment.Segment
	live   index.Liveness // of the last checkpoint
	before index.Liveness // of the one before; merges may go by it
	first  []byte         // the snapshot of that one, or nil
	begin  wal.LSN        // and where replay begins then
	old    int            // segments that the one before has
	nextID uint64
	cache  *segment.Cache
	limits segment.Limits
	wrap   func(vfs.FS) vfs.FS // if set, stands between open segments and the disk
}

const segmentDir = "/segments"

func (w *world) segment() (uint64, *segment.Writer, error) {
	w.disk.nextID++
	out, err := segment.Create(w.fs, segmentDir, w.disk.nextID, 7)
	return w.disk.nextID, out, err
}

func (w *world) openSegments(ids []uint64) (segs []*segment.Segment) {
	w.t.Helper()
	var fsys vfs.FS = w.fs
	if w.disk.wrap != nil {
		fsys = w.disk.wrap(fsys)
	}
	for _, id := range ids {
		s, err := segment.Open(fsys, segmentDir, segmentDir, id, 7, w.disk.cache)
		if err != nil {
			w.t.Fatal(err)
		}
		segs = append(segs, s)
	}
	return segs
}

// checkpoint captures everything and installs it. pace, if set, is called
// between pieces of work.
func (w *world) checkpoint(pace func()) *Checkpoint {
	w.t.Helper()
	if err := w.fs.MkdirAll(segmentDir); err != nil {
		w.t.Fatal(err)
	}
	c, state := w.Checkpoint(), &bytes.Buffer{}
	ids, err := c.Write(context.Background(), &Sink{
		Snapshot: state, Segment: w.segment, Limits: segment.Limits{Bytes: max(w.disk.limits.Bytes, 1), Records: max(w.disk.limits.Records, 1)},
		Pace: func() error {
			if pace != nil {
				pace()
			}
			return nil
		},
	})
	if err == nil {
		err = w.shared.Log.WaitSynced(w.shared.Log.Tail())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	segs := w.openSegments(ids)
	tables, err := index.ReadTables(segs)
	if c.Install(tables); err != nil {
		w.t.Fatal(err)
	}
	w.disk.before, w.disk.live, w.disk.old = w.disk.live, c.Live(), len(w.disk.segs)
	w.disk.first, w.disk.begin = w.disk.state, w.disk.start
	w.disk.state, w.disk.start = state.Bytes(), c.Start()
	w.disk.ids, w.disk.segs = append(w.disk.ids, ids...), append(w.disk.segs, segs...)
	return c
}

// merge replaces the segments [from, to), which the checkpoint before the last
// one has, by what was live at it.
func (w *world) merge(from, to int) {
	w.t.Helper()
	if from >= to || to > w.disk.old || w.disk.before == nil {
		return
	}
	create := func() (*segment.Writer, error) {
		_, out, err := w.segment()
		return out, err
	}
	gone := slices.Clone(w.disk.segs[from:to])
	ids, err := segment.Merge(gone, w.disk.before, create, w.disk.limits, nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	with := w.openSegments(ids)
	tables, err := index.ReadTables(with)
	if w.Replace(gone, tables); err != nil {
		w.t.Fatal(err)
	}
	w.disk.segs = slices.Concat(w.disk.segs[:from:from], with, w.disk.segs[to:])
	w.disk.ids = slices.Concat(w.disk.ids[:from:from], ids, w.disk.ids[to:])
	w.disk.old += len(with) - len(gone)
	for _, s := range gone {
		s.Release()
	}
}

// restore brings the last checkpoint back into the empty registry.
func (w *world) restore() {
	w.t.Helper()
	if w.disk.first, w.disk.begin = nil, 0; w.disk.state == nil {
		w.disk.segs, w.disk.live, w.disk.before, w.disk.old = nil, nil, nil, 0
		return
	}
	w.disk.segs = w.openSegments(w.disk.ids)
	live, err := w.Replay().Restore(w.disk.state, w.disk.segs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.disk.live, w.disk.before, w.disk.old = live, nil, 0
}

// fallBack makes the next start go by the checkpoint before the last one, or by
// the log alone.
func (w *world) fallBack() {
	if w.disk.state == nil {
		return
	}
	if w.disk.first == nil {
		w.disk.old = 0
	}
	w.disk.state, w.disk.start, w.disk.ids = w.disk.first, w.disk.begin, w.disk.ids[:w.disk.old:w.disk.old]
}

// replay passes over what stands before the checkpoint.
func (w *world) replay(f wal.Frame) error {
	if f.LSN < w.disk.start {
		return nil
	}
	return w.Replay().Frame(f)
}

// stored is a world whose segments hold that many records at most.
func stored(perSegment int64) func(*world) {
	return func(w *world) {
		w.disk.limits = segment.Limits{Records: perSegment, Bytes: 1 << 20}
		w.disk.cache = segment.NewCache(1 << 20)
	}
}

// deleteRecords deletes by before (0: not by it) and match (empty: likewise).
func (w *world) deleteRecords(name string, before uint64, match string) Deleted {
	w.t.Helper()
	d := &Deletion{}
	if before > 0 {
		d.Before = &before
	}
	if match != "" {
		d.Match = matches(w.t, match)
	}
	out, err := w.checkedDelete(w.t, name, d)
	if err != nil {
		w.t.Fatalf("delete records of %s: %v", name, err)
	}
	return out
}

func matches(t testing.TB, pattern string) *record.Match {
	t.Helper()
	m, err := record.ParseMatch(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

// tagged makes a record for each tag; "-" is none.
func tagged(tags ...string) []record.Record {
	out := records(len(tags))
	for i, tag := range tags {
		if tag != "-" {
			out[i].Tag = []byte(tag)
		}
	}
	return out
}

// damagePages spoils the pages of that kind in all segments: "xtnt" or "diry".
func (w *world) damagePages(kind string) {
	w.t.Helper()
	w.damaged = true
	for _, id := range w.disk.ids {
		f, err := w.fs.Open(path.Join(segmentDir, segment.IndexName(id)))
		if err != nil {
			w.t.Fatal(err)
		}
		size, _ := f.Size()
		content := make([]byte, size)
		if _, err := f.ReadAt(content, 0); err != nil {
			w.t.Fatal(err)
		}
		for at := 0; ; at++ {
			n := bytes.Index(content[at:], []byte(kind))
			if n < 0 {
				break
			}
			at += n
			if _, err := f.WriteAt([]byte{^content[at+24]}, int64(at+24)); err != nil {
				w.t.Fatal(err)
			}
		}
		f.Close()
	}
}
