package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Offload moves the data of older segments to the cold directory, if there is
// one. Their indexes stay, so that only reads of old records wait for it.
func (st *Store) Offload(ctx context.Context) error {
	if st.cold.dir == "" {
		return nil
	}
	st.cold.work.Lock()
	defer st.cold.work.Unlock()
	if err := st.cold.claimOnce(); err != nil {
		st.coldFailed(err)
		return err
	}
	for _, s := range st.toOffload() {
		if err := st.offload(ctx, s); err != nil {
			st.counters.failed(err)
			return fmt.Errorf("moving segment %016x to the cold directory: %w", s.ID(), err)
		}
	}
	st.dropRetired() // files that could not be removed earlier
	if len(st.retired()) > 0 {
		return nil // and cannot now
	}
	st.cold.remote.end(nil) // what failed before may not be there any more
	return nil
}

// retired returns the retired files that no pin keeps.
func (st *Store) retired() []string {
	st.work.Lock()
	defer st.work.Unlock()
	return st.work.obsolete.unpinned(st.work.obsolete.retired)
}

// toOffload returns the segments that are in the data directory and should be in
// the cold one, oldest first.
func (st *Store) toOffload() (segs []*segment.Segment) {
	set, all := &st.opts.Settings, st.segments.all()
	var bytes int64
	older := len(all)
	for n := 1; n <= len(all); n++ {
		bytes += all[len(all)-n].DataBytes()
		if n > set.HotSegments || set.HotBytes > 0 && bytes > set.HotBytes {
			break
		}
		older--
	}
	for _, s := range all[:older] {
		if !s.Cold() {
			segs = append(segs, s)
		}
	}
	return segs
}

// offload moves one segment's data: the copy is durable before the manifest
// names it, and the manifest before the original goes. The caller holds
// st.cold.work.
func (st *Store) offload(ctx context.Context, s *segment.Segment) error {
	if err := st.moveToCold(ctx, s); err != nil {
		return err
	}
	st.dropRetired()
	return nil
}

func (st *Store) moveToCold(ctx context.Context, s *segment.Segment) (err error) {
	if err := st.pause(ctx); err != nil {
		return err
	}
	if has, err := st.segments.claim(ctx, s); !has || err != nil {
		return err
	}
	defer st.segments.unclaim(s)
	id, from := s.ID(), st.dir(manifest.SegmentDir)
	copied, partial := path.Join(st.cold.dir, segment.DataName(id)), path.Join(st.cold.dir, segment.PartialName(id))
	st.unretire(copied, partial)
	st.cold.remote.step()
	err = st.copyToCold(s)
	st.cold.remote.end(err)
	st.work.Lock()
	defer st.work.Unlock()
	obsolete := &st.work.obsolete
	if err != nil {
		obsolete.retire(copied, partial)
		return err
	}
	if err = ctx.Err(); err != nil { // the copy may have hung until after Close
		return errors.Join(err, s.Relocate(from))
	}
	err = st.current.commit(func(m *manifest.Manifest) {
		gone, by := []uint64{id}, []manifest.SegmentRef{{ID: id, Cold: true}}
		m.Checkpoint, m.Previous = m.Checkpoint.With(gone, by), m.Previous.With(gone, by)
	})
	if err != nil { // a restart may take either manifest: both files stay for now
		obsolete.retire(copied)
		return errors.Join(err, s.Relocate(from))
	}
	obsolete.retire(path.Join(from, segment.DataName(id)))
	st.counters.offloaded()
	return nil
}

// unretire keeps files in the cold directory, which a failed attempt may have
// left, from being removed.
func (st *Store) unretire(names ...string) {
	st.work.Lock()
	defer st.work.Unlock()
	obsolete := &st.work.obsolete
	obsolete.retired = slices.DeleteFunc(obsolete.retired, func(name string) bool { return slices.Contains(names, name) })
}

// copyToCold makes a durable copy of a segment's data in the cold directory, and
// has the segment read from it.
func (st *Store) copyToCold(s *segment.Segment) error {
	if err := st.cold.check(); err != nil {
		return err
	}
	defer st.buffers.hold(segment.CopyBytes)()
	if err := segment.CopyData(st.opts.FS, st.dir(manifest.SegmentDir), st.cold.dir, s.ID()); err != nil {
		return err
	}
	return s.Relocate(st.cold.dir)
}

// dropRetired removes the files that offloading, or a compaction in the cold
// directory, made superfluous. A copy of the data directory that was made before
// may name them, so dropRetired claims the cold directory first. What is pinned,
// or all of it if the claim fails, is left for the next time.
//
// The caller holds neither st.work nor any lock after it: the cold directory may
// be slow.
func (st *Store) dropRetired() {
	t := st.cold
	t.mu.Lock()
	defer t.mu.Unlock()
	names := st.retired()
	if len(names) == 0 || t.lock == nil {
		return
	}
	t.remote.step()
	if err := t.claimLocked(); err != nil {
		st.coldFailed(err)
		return
	}
	removed := map[string]bool{}
	var failed error
	for _, name := range names {
		t.remote.step()
		err := st.opts.FS.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
			continue
		}
		removed[name] = true
	}
	if failed != nil {
		st.coldFailed(failed)
	} else {
		t.remote.end(nil)
	}
	st.work.Lock()
	defer st.work.Unlock()
	obsolete := &st.work.obsolete
	obsolete.retired = slices.DeleteFunc(obsolete.retired, func(name string) bool { return removed[name] })
}

func (st *Store) coldFailed(err error) {
	st.cold.remote.end(err)
	st.counters.failed(err)
	st.opts.Log.Warn().Err(err).Msg("the cold directory cannot be changed; files in it, and originals of offloaded segments, are kept")
}

// removeColdLeftovers claims the cold directory and removes what a crash left
// there. What is newer than everything that this data directory has stays: it is
// not this one's.
func (st *Store) removeColdLeftovers() error {
	dir := st.cold.dir
	if dir == "" {
		return nil
	}
	if err := st.cold.claimOnce(); err != nil {
		st.coldFailed(err)
	}
	names, err := st.opts.FS.List(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	st.retireLeftovers(names)
	st.dropRetired()
	return nil
}

// retireLeftovers retires those of the files in the cold directory that no
// checkpoint names.
func (st *Store) retireLeftovers(names []string) {
	st.work.Lock()
	defer st.work.Unlock()
	newest := st.segments.seen(0)
	for _, name := range names {
		id, _, _ := segment.ParseName(name)
		if st.unnamedLocked(st.cold.dir, name) && id <= newest {
			st.work.obsolete.retire(path.Join(st.cold.dir, name))
		}
	}
}
