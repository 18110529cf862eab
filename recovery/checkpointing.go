package recovery

import (
	"context"
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
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

// Checkpoint turns what is only in the log into segments and cuts the log. It
// returns when that is durable. Writers go on meanwhile.
func (r *Recovered) Checkpoint(ctx context.Context) (out Checkpointed, err error) {
	r.work.Lock()
	defer r.work.Unlock()
	began := r.opts.Now()
	out, err = r.checkpoint(ctx)
	took := r.opts.Now().Sub(began)
	out.DurationMS = millis(took)
	r.uncut.Store(err != nil)
	r.bound()
	r.counters.checkpointed(r.opts.Now(), out, took, err)
	if err != nil {
		return out, fmt.Errorf("checkpoint: %w", err)
	}
	signal(r.taken) // there may be space to give back
	signal(r.offload)
	return out, nil
}

// checkpoint is Checkpoint with r.work held. One that finds no room is tried
// once more with the reserve for its state: that suffices when next to nothing
// that is only in the log is alive, as after deletes that were to make room.
func (r *Recovered) checkpoint(ctx context.Context) (Checkpointed, error) {
	out, err := r.checkpointOnce(ctx)
	if vfs.NoSpace(err) && r.spendSnapshotReserve() {
		out, err = r.checkpointOnce(ctx)
	}
	return out, err
}

func (r *Recovered) checkpointOnce(ctx context.Context) (Checkpointed, error) {
	if err := r.discard(); err != nil { // what an earlier one could not
		return Checkpointed{}, err
	}
	before := r.manifestNow()
	// The one before must be as new, or log files are kept for it.
	if tail := r.Log.Tail(); tail == r.checkpointed && before.Previous != nil && before.Previous.ReplayStart() == tail {
		out := Checkpointed{Number: before.Checkpoint.Number, Start: before.Checkpoint.Start, Unchanged: true}
		var err error
		out.Released, err = r.releaseLog() // what the archive or a backup has let go since
		return out, err
	}
	capture := r.Registry.Capture()
	next, segs, tables, err := r.write(ctx, capture, before)
	if err != nil {
		return Checkpointed{}, err
	}
	out := Checkpointed{Number: next.Number, Start: next.Start, Topics: capture.Topics(), Segments: len(segs)}
	for _, s := range segs {
		out.Records += s.Records()
		out.Bytes += s.DataBytes() + s.IndexBytes()
	}
	capture.Install(tables)
	r.mu.Lock()
	r.segments = append(r.segments, segs...)
	r.liveBefore, r.live = r.live, capture.Live()
	r.mu.Unlock()
	r.checkpointed = r.Log.Tail()
	if capture.Start() != r.checkpointed {
		r.checkpointed = 0 // more came meanwhile
	}
	if err := r.discard(); err != nil {
		return out, err
	}
	out.Released, err = r.releaseLog()
	return out, err
}

// releaseLog gives back the log files before the one that the oldest checkpoint
// or a pin names, which stays even when all of it lies before the checkpoint's
// start, and before the oldest that waits for the archive. r.work is held.
func (r *Recovered) releaseLog() (n int, err error) {
	if r.opts.WAL.Manual {
		_ = r.archive.copyAll(context.Background()) // the check reports it
	}
	file := r.manifestNow().FirstFile()
	for p := range r.pinned {
		file = min(file, p.Checkpoint.File)
	}
	if b := r.archive.backlog(); b.Files > 0 {
		file = min(file, b.first.Index)
	}
	for _, f := range r.Log.Files() {
		if f.Index == file {
			return r.Log.TruncateFront(f.First, nil)
		}
	}
	return 0, nil
}

// write puts the capture on disk, up to the manifest that names it.
func (r *Recovered) write(ctx context.Context, capture *topics.Capture, before *manifest.Manifest) (next *manifest.Checkpoint, segs []*segment.Segment, tables topics.Tables, err error) {
	var written []uint64
	defer func() {
		if err == nil {
			return
		}
		closeAll(segs)
		files := r.segmentFiles(written)
		if next != nil {
			files = append(files, path.Join(r.dir(manifest.SnapshotDir), manifest.SnapshotName(next.Number)))
		}
		r.remove(err, files)
	}()
	state, err := manifest.CreateSnapshot(r.opts.FS, r.dir(manifest.SnapshotDir))
	if err != nil {
		return nil, nil, nil, err
	}
	defer state.Abort()
	written, err = capture.Write(ctx, &topics.Sink{
		State: state,
		Segment: func() (uint64, *segment.Writer, error) {
			id := r.newSegment()
			w, err := segment.Create(r.opts.FS, r.dir(manifest.SegmentDir), id, r.Log.ID())
			return id, w, err
		},
		MaxBytes: r.opts.Storage.SegmentBytes, MaxRecords: r.opts.Storage.SegmentRecords,
		Pace: r.steady(ctx),
	})
	if err != nil {
		return nil, nil, nil, err
	}
	// What was captured may be ahead of what is durable in the log.
	through := r.Log.Tail()
	if err := r.Log.WaitSynced(through); err != nil {
		return nil, nil, nil, err
	}
	next = &manifest.Checkpoint{ // from here on also after an error
		Number: r.newCheckpoint(), Start: uint64(capture.Start()), File: r.fileOf(capture.Start()),
		Through: uint64(through), Time: r.opts.Now().UnixMilli(), Sum: state.Sum(),
	}
	if err := state.Finish(next.Number); err != nil {
		return next, nil, nil, err
	}
	r.stateBytes.Store(state.Size())
	if segs, err = r.openSegments(refs(written), r.Log.ID()); err != nil {
		return next, nil, nil, err
	}
	if tables, err = topics.ReadTables(segs); err != nil {
		return next, segs, nil, err
	}
	err = r.commit(func(m *manifest.Manifest) {
		// The segments may have been merged since before.
		if m.Checkpoint != nil {
			next.Segments = append(next.Segments, m.Checkpoint.Segments...)
		}
		next.Segments = append(next.Segments, refs(written)...)
		m.Previous, m.Checkpoint = m.Checkpoint, next
	})
	// Both are the same after a restore, and after a state that was damaged.
	r.outdated = true
	if err == nil && before.Previous != nil && !before.Checkpoint.Is(before.Previous.Number) {
		r.garbage = append(r.garbage, path.Join(r.dir(manifest.SnapshotDir), manifest.SnapshotName(before.Previous.Number)))
	}
	return next, segs, tables, err
}

// newCheckpoint returns a number that no checkpoint ever had, not even one of
// which it is not known whether its manifest became durable.
func (r *Recovered) newCheckpoint() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nextCheckpoint++
	return r.nextCheckpoint
}

// newSegment returns an id that no segment ever had.
func (r *Recovered) newSegment() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nextSegment++
	return r.nextSegment
}

func refs(ids []uint64) []manifest.SegmentRef {
	out := make([]manifest.SegmentRef, len(ids))
	for i, id := range ids {
		out[i].ID = id
	}
	return out
}

// openSegments opens segments in order.
func (r *Recovered) openSegments(list []manifest.SegmentRef, logID uint64) (segs []*segment.Segment, err error) {
	for _, ref := range list {
		data := r.dir(manifest.SegmentDir)
		if ref.Cold {
			if data = r.opts.Storage.ColdDir; data == "" {
				err = fmt.Errorf("segment %016x is in the cold directory, and none is configured", ref.ID)
				break
			}
		}
		s, oerr := segment.Open(r.opts.FS, r.dir(manifest.SegmentDir), data, ref.ID, logID, r.cache)
		if err = oerr; err != nil {
			break
		}
		segs = append(segs, s)
	}
	if err != nil {
		closeAll(segs)
		return nil, err
	}
	return segs, nil
}

func closeAll(segs []*segment.Segment) {
	for _, s := range segs {
		s.Release()
	}
}

// segmentFiles are the files of segments in the data directory.
func (r *Recovered) segmentFiles(ids []uint64) (names []string) {
	for _, id := range ids {
		names = append(names, r.dir(path.Join(manifest.SegmentDir, segment.DataName(id))), r.dir(path.Join(manifest.SegmentDir, segment.IndexName(id))))
	}
	return names
}

func (r *Recovered) dir(name string) string { return path.Join(r.opts.Dir, name) }
