package store

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
)

// maxDamages is how many damaged places a scrub lists; the rest are counted.
const maxDamages = 1000

// Scrub is the account of one reading of everything that is stored.
type Scrub struct {
	Started    time.Time `json:"started"`
	DurationMS float64   `json:"duration_ms"`

	// What was read.
	Manifests int   `json:"manifests"`
	Snapshots int   `json:"checkpoints"`
	Segments  int   `json:"segments"`
	LogFiles  int   `json:"log_files"`
	Blocks    int64 `json:"blocks"`
	Pages     int64 `json:"pages"`
	Records   int64 `json:"records"` // in segments
	Frames    int64 `json:"frames"`  // of the log
	Bytes     int64 `json:"bytes"`

	Damages      []Damage `json:"damages"`       // the first maxDamages
	DamagesTotal int      `json:"damages_total"` // all of them

	progress *scrubProgress
}

// read counts bytes that were read.
func (s *Scrub) read(n int64) {
	s.Bytes += n
	s.progress.bytes.Add(n)
}

// Damage is a damaged place at Offset in File, a path. Topic, From and To are
// the records that are lost by it, if that is known.
type Damage struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	LSN    uint64 `json:"lsn,omitempty"`
	Topic  uint64 `json:"topic,omitempty"` // its id
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"`
	Cause  string `json:"cause"`
}

// found adds a damaged place.
func (s *Scrub) found(d Damage) {
	s.DamagesTotal++
	if len(s.Damages) < maxDamages {
		s.Damages = append(s.Damages, d)
	}
}

// inSegment adds a damaged place that the package segment reports.
func (s *Scrub) inSegment(d segment.Damage) {
	s.found(Damage{File: d.File, Offset: d.Offset, Topic: d.Topic, From: d.From, To: d.To, Cause: d.Cause})
}

// Verify reads everything that is stored past all caches and returns what is
// damaged; damage is no error. It gives requests precedence. Callers that come
// while a scrub is under way get its result. One whose ctx ends stops waiting;
// the scrub goes on until it is done or the data directory is closed.
func (st *Store) Verify(ctx context.Context) (Scrub, error) {
	run, err := st.scrubs.join(st.scrub)
	if err != nil {
		return Scrub{}, err
	}
	select {
	case <-run.done:
		return run.result, run.err
	case <-ctx.Done():
		return Scrub{}, ctx.Err()
	}
}

// StartVerify begins a scrub, unless one is under way, and does not wait for it.
func (st *Store) StartVerify() error {
	_, err := st.scrubs.join(st.scrub)
	return err
}

// LastScrub returns the last scrub that was finished, or nil if there was none.
func (st *Store) LastScrub() *Scrub {
	st.scrubs.mu.Lock()
	defer st.scrubs.mu.Unlock()
	return st.scrubs.last
}

// scrub reads everything once.
func (st *Store) scrub(ctx context.Context, done *scrubProgress) (Scrub, error) {
	began := st.opts.Now()
	s := Scrub{Started: began, Damages: []Damage{}, progress: done}
	done.begin(began, st.storedBytes())
	err := st.current.scrub(&s, st.opts.FS)
	if err == nil {
		err = st.scrubSnapshots(ctx, &s)
	}
	if err == nil {
		err = st.scrubSegments(ctx, &s)
	}
	if err == nil {
		err = st.scrubLog(ctx, &s)
	}
	now := st.opts.Now()
	s.DurationMS = float64(now.Sub(began).Microseconds()) / 1000
	if err != nil {
		return s, err
	}
	st.counters.scrubbed(now, s.DamagesTotal)
	for _, d := range s.Damages {
		st.opts.Log.Error().Str("file", d.File).Int64("offset", d.Offset).Uint64("topic_id", d.Topic).
			Uint64("from", d.From).Uint64("to", d.To).Str("cause", d.Cause).Msg("stored data is damaged")
	}
	return s, nil
}

// scrubSnapshots reads the snapshots of both checkpoints. A checkpoint that is
// replaced meanwhile may lose its snapshot, which is no damage.
func (st *Store) scrubSnapshots(ctx context.Context, s *Scrub) error {
	for _, c := range st.current.get().Checkpoints() {
		if err := st.pause(ctx); err != nil {
			return err
		}
		content, err := manifest.ReadSnapshot(st.opts.FS, st.dir(manifest.SnapshotDir), c)
		var bad *manifest.CorruptionError
		switch {
		case errors.As(err, &bad):
			if m := st.current.get(); m.Checkpoint.Is(c.Number) || m.Previous.Is(c.Number) {
				s.found(Damage{File: bad.File, Cause: bad.Err.Error()})
			}
		case err != nil:
			return err
		}
		s.Snapshots++
		s.read(int64(len(content)))
	}
	return nil
}

// scrubSegments reads the segments that there are now. A compaction that
// replaces one of them meanwhile has read it.
func (st *Store) scrubSegments(ctx context.Context, s *Scrub) error {
	for _, seg := range st.segments.all() {
		if err := st.scrubSegment(ctx, s, seg); err != nil {
			return err
		}
	}
	return nil
}

// scrubSegment reads one segment, which is not compacted or offloaded meanwhile.
func (st *Store) scrubSegment(ctx context.Context, s *Scrub, seg *segment.Segment) error {
	if has, err := st.segments.claim(ctx, seg); !has || err != nil {
		return err
	}
	defer st.segments.unclaim(seg)
	if !seg.Retain() {
		return ctx.Err()
	}
	defer seg.Release()
	defer st.buffers.hold(inputBytes)()
	checked, err := segment.Verify(seg, st.idlePace(ctx), s.inSegment)
	if errors.Is(err, fs.ErrNotExist) { // the name is gone, though the open file is not
		s.found(Damage{File: st.dir(path.Join(manifest.SegmentDir, segment.IndexName(seg.ID()))), Cause: err.Error()})
		err = nil
	}
	s.Segments++
	s.Blocks += checked.Blocks
	s.Pages += checked.Pages
	s.Records += checked.Records
	s.read(checked.Bytes)
	return err
}
