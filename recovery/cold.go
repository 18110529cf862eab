package recovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Cool moves the data of old segments to the cold directory, if there is one.
// Their indexes stay, so that only reads of old records ever wait for it.
func (r *Recovered) Cool(ctx context.Context) error {
	if r.opts.Storage.ColdDir == "" {
		return nil
	}
	r.coldWork.Lock()
	defer r.coldWork.Unlock()
	if err := r.retryClaim(); err != nil {
		r.coldFailed(err)
		return err
	}
	for _, s := range r.old() {
		if err := r.relocate(ctx, s); err != nil {
			r.counters.failed(err)
			return fmt.Errorf("moving segment %016x to the cold directory: %w", s.ID(), err)
		}
	}
	r.dropRetired() // what could not go earlier
	if r.retiring() {
		return nil // and cannot now
	}
	r.far.end(nil) // what failed before may not be there any more
	return nil
}

// retiring reports whether files wait to be removed that nothing pins.
func (r *Recovered) retiring() bool {
	r.work.Lock()
	defer r.work.Unlock()
	return slices.ContainsFunc(r.retired, func(name string) bool { return !r.isPinned(name) })
}

// coldPatience is how long it may take to move or merge cold segments.
const coldPatience = 2 * time.Minute

// ColdCheck is the health of the cold directory: degraded while segments cannot
// be moved there, merged or removed. The data directory keeps what is to go.
func (r *Recovered) ColdCheck() health.Condition {
	if r.opts.Storage.ColdDir == "" {
		return health.Condition{}
	}
	since, err := r.far.outage()
	if err == nil {
		return health.Condition{}
	}
	var bytes int64
	old := r.old()
	for _, s := range old {
		bytes += s.DataBytes()
	}
	return health.Condition{Status: health.Degraded, Reason: fmt.Sprintf("the cold directory is not available since %s: %v (%d segments, %s, wait to be moved there)",
		at(since), err, len(old), health.Size(bytes))}
}

// retryClaim claims the cold directory if the start could not.
func (r *Recovered) retryClaim() error {
	r.cold.mu.Lock()
	defer r.cold.mu.Unlock()
	if r.cold.owner != (manifest.Owner{}) {
		return nil
	}
	r.far.step()
	err := r.claimColdLocked()
	r.far.end(err)
	return err
}

// old returns the segments that are hot and need not be, oldest first.
func (r *Recovered) old() (segs []*segment.Segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &r.opts.Storage
	var bytes int64
	hot := len(r.segments)
	for n := 1; n <= len(r.segments); n++ {
		s := r.segments[len(r.segments)-n]
		if bytes += s.DataBytes(); n > o.HotSegments || o.HotBytes > 0 && bytes > o.HotBytes {
			break
		}
		hot--
	}
	for _, s := range r.segments[:hot] {
		if !s.Cold() {
			segs = append(segs, s)
		}
	}
	return segs
}

// relocate moves one segment's data: the copy is durable before the manifest
// names it, and the manifest before the original goes. r.coldWork is held.
func (r *Recovered) relocate(ctx context.Context, s *segment.Segment) error {
	if err := r.copyToCold(ctx, s); err != nil {
		return err
	}
	r.dropRetired()
	return nil
}

func (r *Recovered) copyToCold(ctx context.Context, s *segment.Segment) (err error) {
	if err := r.pause(ctx); err != nil {
		return err
	}
	if has, err := r.claim(ctx, s); !has || err != nil {
		return err
	}
	defer r.unclaim(s)
	id, from := s.ID(), r.dir(manifest.SegmentDir)
	copied := path.Join(r.opts.Storage.ColdDir, segment.DataName(id))
	r.wanted(copied)
	r.far.step()
	err = r.copyCold(s)
	if r.far.end(err); err != nil {
		r.work.Lock()
		r.retired = append(r.retired, copied)
		r.work.Unlock()
		return err
	}
	r.work.Lock()
	defer r.work.Unlock()
	if err = ctx.Err(); err != nil { // it may have hung until after the end
		return errors.Join(err, s.Relocate(from))
	}
	err = r.commit(func(m *manifest.Manifest) {
		by := []manifest.SegmentRef{{ID: id, Cold: true}}
		m.Checkpoint, m.Previous = m.Checkpoint.With([]uint64{id}, by), m.Previous.With([]uint64{id}, by)
	})
	if err != nil { // it is not known which one a restart takes: both stay for now
		r.retired = append(r.retired, copied)
		return errors.Join(err, s.Relocate(from))
	}
	r.retired = append(r.retired, path.Join(from, segment.DataName(id)))
	r.counters.mu.Lock()
	r.counters.relocated++
	r.counters.mu.Unlock()
	return nil
}

// mayCool returns an error unless the cold directory is this data directory's.
func (r *Recovered) mayCool() error {
	r.cold.mu.Lock()
	defer r.cold.mu.Unlock()
	_, err := r.checkColdLocked()
	return err
}

// dropRetired removes the files that a move to the cold directory, or a merge
// of what is there, made superfluous. A copy of the data directory that was
// made before may name them, so the cold directory is claimed first. What is
// pinned, or all of it if the claim fails, is left for the next time.
// Neither r.work nor r.mu is held: the cold directory may be slow.
func (r *Recovered) dropRetired() {
	r.cold.mu.Lock()
	defer r.cold.mu.Unlock()
	r.work.Lock()
	names := slices.DeleteFunc(slices.Clone(r.retired), r.isPinned)
	r.work.Unlock()
	if len(names) == 0 || r.cold.lock == nil {
		return
	}
	r.far.step()
	if err := r.claimColdLocked(); err != nil {
		r.coldFailed(err)
		return
	}
	removed := map[string]bool{}
	var failed error
	for _, name := range names {
		r.far.step()
		err := r.opts.FS.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
			continue
		}
		removed[name] = true
	}
	if failed != nil {
		r.coldFailed(failed)
	} else {
		r.far.end(nil)
	}
	r.work.Lock()
	r.retired = slices.DeleteFunc(r.retired, func(name string) bool { return removed[name] })
	r.work.Unlock()
}

func (r *Recovered) coldFailed(err error) {
	r.far.end(err)
	r.counters.failed(err)
	r.opts.Log.Warn().Err(err).Msg("the cold directory cannot be changed; its files and those moved there stay")
}

// tidyCold claims the cold directory and removes what a crash left there. What
// is newer than everything that this data directory has stays: it is not what
// this one left.
func (r *Recovered) tidyCold() error {
	dir := r.opts.Storage.ColdDir
	if dir == "" {
		return nil
	}
	if err := r.retryClaim(); err != nil {
		r.coldFailed(err)
	}
	names, err := r.opts.FS.List(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	newest := r.nextSegment
	for _, name := range names {
		id, _, _ := segment.ParseName(name)
		if r.orphan(dir, name) && id <= newest {
			r.retired = append(r.retired, path.Join(dir, name))
		}
	}
	r.dropRetired()
	return nil
}

// wasMoved reports whether the file of that name in the directory of segments
// is data that a checkpoint has in the cold directory.
func (r *Recovered) wasMoved(name string) bool {
	id, kind, ok := segment.ParseName(name)
	if !ok || kind != segment.Data {
		return false
	}
	m := r.manifestNow()
	for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
		if ref, ok := c.Segment(id); ok && ref.Cold {
			return true
		}
	}
	return false
}

// wanted takes a copy in the cold directory, which an attempt that failed may
// have left, off what is to be removed.
func (r *Recovered) wanted(name string) {
	r.work.Lock()
	defer r.work.Unlock()
	r.retired = slices.DeleteFunc(r.retired, func(other string) bool { return other == name })
}

// copyCold makes a durable copy of a segment's data in the cold directory, from
// which it is read from now on.
func (r *Recovered) copyCold(s *segment.Segment) error {
	to := r.opts.Storage.ColdDir
	if err := r.mayCool(); err != nil {
		return err
	}
	if err := segment.CopyData(r.opts.FS, r.dir(manifest.SegmentDir), to, s.ID()); err != nil {
		return err
	}
	return s.Relocate(to)
}
