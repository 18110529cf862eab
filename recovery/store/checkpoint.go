package store

import (
	"context"
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Checkpointed is the account of one checkpoint.
type Checkpointed struct {
	Number     uint64  `json:"checkpoint"`
	Unchanged  bool    `json:"unchanged,omitempty"` // nothing had been written since that one
	Start      uint64  `json:"start_lsn"`
	Topics     int     `json:"topics"`
	Segments   int     `json:"segments_written"`
	Records    int64   `json:"records"`
	Bytes      int64   `json:"segment_bytes"`
	Released   int     `json:"log_files_released"`
	DurationMS float64 `json:"duration_ms"`
}

// Checkpoint writes what is only in the log to segments and truncates the front
// of the log. It returns when that is durable. Writers go on meanwhile.
func (st *Store) Checkpoint(ctx context.Context) (out Checkpointed, err error) {
	st.work.Lock()
	defer st.work.Unlock()
	out, err = st.checkpointLocked(ctx)
	st.checkpointFailed.Store(err != nil)
	st.limitLog()
	if err != nil {
		return out, err
	}
	signal(st.checkpointTaken) // some segments may be worth compacting now
	signal(st.coldWorkDue)
	return out, nil
}

// checkpointLocked takes a checkpoint and counts it. One that finds no room is
// tried once more with the reserve for its snapshot: that suffices if next to
// nothing that is only in the log is alive, as after deletes that were to make
// room. The caller holds st.work.
func (st *Store) checkpointLocked(ctx context.Context) (Checkpointed, error) {
	began := st.opts.Now()
	out, err := st.checkpointOnceLocked(ctx)
	if vfs.NoSpace(err) && st.current.spendSnapshotReserve() {
		out, err = st.checkpointOnceLocked(ctx)
	}
	now := st.opts.Now()
	took := now.Sub(began)
	out.DurationMS = float64(took.Microseconds()) / 1000
	st.counters.checkpointed(now, out, took, err)
	if err != nil {
		return out, fmt.Errorf("checkpoint: %w", err)
	}
	return out, nil
}

func (st *Store) checkpointOnceLocked(ctx context.Context) (Checkpointed, error) {
	if err := st.work.obsolete.discard(); err != nil { // files that earlier checkpoints could not remove
		return Checkpointed{}, err
	}
	before := st.current.get()
	if st.unchangedLocked(before) {
		out := Checkpointed{Number: before.Checkpoint.Number, Start: before.Checkpoint.Start, Unchanged: true}
		var err error
		out.Released, err = st.truncateLocked() // the archive or a backup may need fewer files by now
		return out, err
	}
	capture := st.Registry.Checkpoint()
	w := checkpointWriter{st: st, capture: capture, before: before}
	if err := w.write(ctx); err != nil {
		return Checkpointed{}, err
	}
	out := Checkpointed{Number: w.next.Number, Start: w.next.Start, Topics: capture.Topics(), Segments: len(w.segs)}
	for _, s := range w.segs {
		out.Records += s.Records()
		out.Bytes += s.DataBytes() + s.IndexBytes()
	}
	capture.Install(w.tables)
	st.segments.checkpointed(w.segs, liveAt{w.next.Number, capture.Live()})
	st.work.unchangedAt = st.Log.Tail()
	if capture.Start() != st.work.unchangedAt {
		st.work.unchangedAt = 0 // more has been written meanwhile
	}
	if err := st.work.obsolete.discard(); err != nil {
		return out, err
	}
	var err error
	out.Released, err = st.truncateLocked()
	return out, err
}

// unchangedLocked reports whether a checkpoint now would be the same as the
// manifest's, and the one before that is as new: log files are kept for it.
func (st *Store) unchangedLocked(m *manifest.Manifest) bool {
	tail := st.Log.Tail()
	return tail == st.work.unchangedAt && m.Previous != nil && m.Previous.ReplayStart() == tail
}

// truncateLocked truncates the front of the log: the files before the one that
// the oldest checkpoint or a pin names, and before the oldest that waits for
// the archive. The named file stays even if all of it is before the
// checkpoint's start. The caller holds st.work.
func (st *Store) truncateLocked() (files int, err error) {
	if st.opts.WAL.Manual {
		_ = st.archive.copyAll(context.Background()) // ArchiveCheck reports it
	}
	first := st.current.get().FirstFile()
	for p := range st.work.obsolete.pins {
		first = min(first, p.Checkpoint.File)
	}
	if b := st.archive.backlog(); b.Files > 0 {
		first = min(first, b.oldest.Index)
	}
	for _, f := range st.Log.Files() {
		if f.Index == first {
			return st.Log.TruncateFront(f.First, nil)
		}
	}
	return 0, nil
}

// checkpointWriter writes one checkpoint to the disk, up to the manifest that
// names it. The caller holds Store.work.
type checkpointWriter struct {
	st      *Store
	capture *topics.Checkpoint
	before  *manifest.Manifest

	begun  []uint64             // ids of the segments that were begun
	ids    []uint64             // of those written
	next   *manifest.Checkpoint // set once it has a number
	segs   []*segment.Segment   // the segments, open
	tables index.Tables
}

// write writes the checkpoint. After an error it removes the files, or leaves
// them to obsolete if a manifest may name them.
func (w *checkpointWriter) write(ctx context.Context) error {
	err := w.writeFiles(ctx)
	if err == nil {
		err = w.commit()
	}
	if err == nil {
		return nil
	}
	closeAll(w.segs)
	files := w.st.segmentFiles(w.begun)
	if w.next != nil {
		files = append(files, path.Join(w.st.dir(manifest.SnapshotDir), manifest.SnapshotName(w.next.Number)))
	}
	w.st.work.obsolete.undo(err, files)
	return err
}

// writeFiles writes segments and snapshot, and opens the segments.
func (w *checkpointWriter) writeFiles(ctx context.Context) error {
	st := w.st
	snapshot, err := manifest.CreateSnapshot(st.opts.FS, st.dir(manifest.SnapshotDir))
	if err != nil {
		return err
	}
	defer snapshot.Abort()
	begin := func() (uint64, *segment.Writer, error) {
		id, sw, err := st.createSegment()
		w.begun = append(w.begun, id)
		return id, sw, err
	}
	w.ids, err = w.capture.Write(ctx, &topics.Sink{
		Snapshot: snapshot, Segment: begin, Limits: st.opts.Settings.Segment, Pace: st.checkpointPace(ctx),
	})
	if err != nil {
		return err
	}
	// The snapshot may be ahead of what is durable in the log.
	through := st.Log.Tail()
	if err := st.Log.WaitSynced(through); err != nil {
		return err
	}
	st.work.lastCheckpoint++
	start := w.capture.Start()
	w.next = &manifest.Checkpoint{
		Number: st.work.lastCheckpoint, Start: uint64(start), File: st.fileOf(start),
		Through: uint64(through), Time: st.opts.Now().UnixMilli(), Sum: snapshot.Sum(),
	}
	if err := snapshot.Finish(w.next.Number); err != nil {
		return err
	}
	st.snapshotBytes.Store(snapshot.Size())
	if w.segs, err = st.openSegments(refs(w.ids), st.Log.ID()); err != nil {
		return err
	}
	w.tables, err = index.ReadTables(w.segs)
	return err
}

// commit makes the manifest name the checkpoint.
func (w *checkpointWriter) commit() error {
	obsolete := &w.st.work.obsolete
	err := w.st.current.commit(func(m *manifest.Manifest) {
		// Segments may have been compacted since w.before.
		if m.Checkpoint != nil {
			w.next.Segments = append(w.next.Segments, m.Checkpoint.Segments...)
		}
		w.next.Segments = append(w.next.Segments, refs(w.ids)...)
		m.Previous, m.Checkpoint = m.Checkpoint, w.next
	})
	obsolete.previousOutdated = true
	// Both checkpoints are the same after a restore, and after a fallback.
	previous := w.before.Previous
	if err == nil && previous != nil && !w.before.Checkpoint.Is(previous.Number) {
		obsolete.garbage = append(obsolete.garbage, path.Join(w.st.dir(manifest.SnapshotDir), manifest.SnapshotName(previous.Number)))
	}
	return err
}

// createSegment begins a segment.
func (st *Store) createSegment() (uint64, *segment.Writer, error) {
	id := st.segments.newID()
	w, err := segment.Create(st.opts.FS, st.dir(manifest.SegmentDir), id, st.Log.ID())
	return id, w, err
}

// fileOf returns the index of the log file that has a durable position.
func (st *Store) fileOf(at wal.LSN) (index uint64) {
	for _, f := range st.Log.Files() {
		if f.First <= at {
			index = f.Index
		}
	}
	return index
}
