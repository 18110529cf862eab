package wal

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

// Tail is the end of a log that has been replayed.
type Tail struct {
	End       LSN   // where the next frame goes
	Truncated int64 // bytes after End that will be cut: a torn tail, not proven synced

	replay  *Replay
	synced  LSN   // everything below was durable when the last process ended
	at      int   // index in replay.used of the file that holds End
	dirtyTo int64 // offset there after the last byte that is not zero
}

// Open prepares the end of the log for appends and returns the log:
//
//   - It writes frames that were written but not proven synced again in place,
//     and syncs them: after a failed sync the kernel may hold pages that it will
//     never write.
//   - It removes the files after the one that holds End, which hold nothing proven,
//     and overwrites the bytes after End with zeros, so that nothing cut can ever
//     be read as if it followed the next frame.
//   - Last, it removes files below Options.First and files kept to be recycled.
//
// After a crash at any point of Open the next opening finds the same End.
func (t *Tail) Open() (*Log, error) {
	l, err := t.open()
	if err != nil {
		t.replay.close()
	}
	return l, err
}

// Close closes the files instead, after a replay that only reads. Nothing on disk
// has been changed.
func (t *Tail) Close() { t.replay.close() }

func (t *Tail) open() (*Log, error) {
	r := t.replay
	if err := t.removeAfterEnd(); err != nil {
		return nil, err
	}
	if len(r.used) == 0 {
		index := r.opts.first()
		f, err := createFile(r.opts.FS, r.opts.Dir, index, r.opts.fileSize(0))
		if err != nil {
			return nil, fmt.Errorf("wal: create the first file: %w", err)
		}
		f.first = t.End
		r.used = append(r.used, f)
		h := header{logID: r.logID, index: index, first: t.End, synced: t.End, size: f.size}
		if _, err := f.WriteAt(h.encode(), 0); err != nil {
			return nil, fmt.Errorf("wal: write the first header: %w", err)
		}
	} else {
		if err := t.rewrite(); err != nil {
			return nil, err
		}
		if err := t.zeroTail(); err != nil {
			return nil, err
		}
	}
	if err := r.used[len(r.used)-1].sync(); err != nil {
		return nil, err
	}
	if err := t.removeLeftovers(); err != nil {
		return nil, err
	}
	return t.start(), nil
}

// removeLeftovers removes the files that TruncateFront did not get to. Nothing
// relies on their removal being durable.
func (t *Tail) removeLeftovers() error {
	o := t.replay.opts
	for _, name := range t.replay.leftovers {
		if err := o.FS.Remove(path.Join(o.Dir, name)); err != nil {
			return fmt.Errorf("wal: remove %s: %w", name, err)
		}
	}
	return nil
}

// removeAfterEnd removes the files after the one that holds End. It also makes sure
// that the removals of an earlier recovery are durable: a file that came back after
// a power cut would claim where the file before it ends.
func (t *Tail) removeAfterEnd() error {
	r := t.replay
	after := r.unused
	if len(r.used) > 0 {
		after = slices.Concat(r.used[t.at+1:], r.unused)
		r.used = r.used[:t.at+1]
	}
	r.unused = nil
	for _, f := range after {
		f.Close()
	}
	if err := r.opts.FS.SyncDir(r.opts.Dir); err != nil {
		return fmt.Errorf("wal: sync directory: %w", err)
	}
	// The last one first: the files that a crash leaves have no gap.
	for _, f := range slices.Backward(after) {
		if err := r.opts.FS.Remove(path.Join(r.opts.Dir, f.name)); err != nil {
			return fmt.Errorf("wal: remove %s: %w", f.name, err)
		}
		if err := r.opts.FS.SyncDir(r.opts.Dir); err != nil {
			return fmt.Errorf("wal: sync directory: %w", err)
		}
	}
	return nil
}

// rewrite writes the frames that are not proven synced again.
func (t *Tail) rewrite() error {
	used := t.replay.used
	for i, f := range used {
		from, to := max(t.synced, f.first), t.End
		if i+1 < len(used) {
			to = used[i+1].first
		}
		if from > to || from == to && t.synced > f.first {
			continue
		}
		if err := rewriteRange(f, 0, HeaderSize); err != nil {
			return err
		}
		if err := rewriteRange(f, f.offset(from), f.offset(to)); err != nil {
			return err
		}
		if err := f.sync(); err != nil {
			return err
		}
	}
	return nil
}

// zeroTail zeroes the bytes after End: first everything after the header of the torn
// frame, then, once those zeros are synced, the header. Until then the header keeps
// the length of the bytes to be zeroed. So an opening that is killed meanwhile leaves
// one torn frame, as TailKill requires. If the sync fails, and the kernel shows zeros
// that are not on the disk, the next opening writes all of them again. If the sync
// after the header fails, only the old header can be left on the disk, and the next
// frame overwrites it.
func (t *Tail) zeroTail() error {
	r := t.replay
	f := r.used[len(r.used)-1]
	end := f.offset(t.End)
	size, _, err := r.claim(f, end)
	if err != nil {
		return err
	}
	to, body := max(t.dirtyTo, end+size), min(end+frame.HeaderSize, f.size)
	if to <= end {
		return nil
	}
	if body < to {
		if end+size < to {
			_, err = f.WriteAt(t.claimUpTo(to-end), end)
		}
		if err == nil {
			err = zeroRange(f, body, to)
		}
		if err != nil {
			return fmt.Errorf("wal: cut %s: %w", f.name, err)
		}
		if err := f.sync(); err != nil {
			return err
		}
	}
	if err := zeroRange(f, end, body); err != nil {
		return fmt.Errorf("wal: cut %s: %w", f.name, err)
	}
	return nil
}

// claimUpTo returns the header of a frame of n bytes at End, with a wrong checksum.
func (t *Tail) claimUpTo(n int64) []byte {
	b := make([]byte, frame.HeaderSize)
	binary.LittleEndian.PutUint32(b, uint32(min(n-frame.HeaderSize, frame.MaxPayload)))
	b[4] = typeMarker
	binary.LittleEndian.PutUint64(b[8:], uint64(t.End))
	return b
}

func rewriteRange(f *file, from, to int64) error {
	buf := make([]byte, min(blockBytes, to-from))
	for ; from < to; from += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), to-from)]
		if _, err := f.ReadAt(p, from); err != nil {
			return fmt.Errorf("wal: read %s at %d: %w", f.name, from, err)
		}
		if _, err := f.WriteAt(p, from); err != nil {
			return fmt.Errorf("wal: write %s at %d again: %w", f.name, from, err)
		}
	}
	return nil
}

// start makes the log that continues at End.
func (t *Tail) start() *Log {
	r := t.replay
	l := &Log{opts: r.opts, logID: r.logID, cache: newCache(r.opts.CacheBytes)}
	l.files.Store(&r.used)
	l.mu.tail, l.mu.marked, l.mu.ticked = t.End, t.End, t.End
	l.mu.write.advanceLocked(t.End)
	l.mu.sync.advanceLocked(t.End)
	l.mu.cur = r.used[len(r.used)-1]
	l.mu.newest = l.mu.cur.index
	l.startBackground()
	l.wakePreparerLocked()
	return l
}

// Newest returns the highest index of a file whose use is durable, for
// Options.Newest of the next opening.
func (l *Log) Newest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.newest
}

// ID returns the log's id, which is in the header of every file.
func (l *Log) ID() uint64 { return l.logID }
