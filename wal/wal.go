package wal

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/wal/frame"
)

// typeMarker is the log's own frame: no payload, made when the log falls
// idle, so that the last real frame too has a later one that proves it synced.
const (
	typeMarker = 0xff
	markerSize = frame.HeaderSize
)

// Span is where a frame stands: [Start, End).
type Span struct{ Start, End LSN }

// Log is an open log. It is made by Tail.Open, after everything in it has
// been replayed. All methods may be called from any goroutine.
type Log struct {
	opts  Options
	logID uint64
	cache *cache
	files atomic.Pointer[[]*file] // those in use, by first; copied on change
	bg    background

	waiters sync.Pool    // of *waiter
	waiting atomic.Int64 // writers in WaitWritten and WaitSynced
	blocked atomic.Int64 // writers in Reserve that found no room

	mu struct {
		sync.Mutex
		tail  LSN   // next frame's position
		cur   *file // holds tail
		spare *file // next file, zeroed and synced; nil: being prepared
		// recycled was released and is to become a spare; nil: none. Release
		// fills it, prepareSpare empties it.
		recycled *file
		lack     error     // why the spare that was wanted last could not be made
		lacking  time.Time // when making spares began to fail; zero: the last was made
		want     int64     // bytes the spare must at least have
		queue    []extent  // appended, not yet taken by the write stage
		dirty    []*file   // written since their last sync
		write    stage
		sync     stage
		err      error // sticky failure
		done     bool  // Close has begun
		// changed is closed when room may have appeared; nil: nobody waits.
		changed chan struct{}
		limit   LSN // where ordinary reservations have to wait; 0: nowhere
		// reserved is how many bytes of frames Reserve has promised: they fit
		// into cur, or into spare.
		reserved int64
		large    int    // reservations waiting for a file larger than usual
		marked   LSN    // tail right after the last marker
		ticked   LSN    // tail at the last background step
		newest   uint64 // highest index of a file that has been synced in use
		// Frames that are through each stage, for Group.Frames.
		writtenFrames, syncedFrames uint64
		stats                       Stats
	}
}

// extent is a run of bytes that is contiguous in the cache and in its file.
type extent struct {
	file       *file
	off        int64
	chunk      *chunk
	start, end int    // in chunk.buf
	header     []byte // instead of chunk: a file's header
}

// appendLocked seals a frame for which there is room.
func (l *Log) appendLocked(typ byte, head, body []byte) Span {
	size := frame.Size(len(head) + len(body))
	if l.mu.cur.room(l.mu.tail) < int64(size) {
		l.rotateLocked()
	}
	lsn := l.mu.tail
	ck, buf := l.cache.reserve(lsn, size, l.mu.write.done)
	copy(buf[frame.HeaderSize:], head)
	copy(buf[frame.HeaderSize+len(head):], body)
	frame.Seal(buf, typ, l.logID, uint64(lsn), uint64(l.mu.sync.done), len(head)+len(body))
	l.enqueueLocked(ck, size)
	l.mu.tail += LSN(size)
	l.mu.stats.Frames++
	l.mu.stats.QueueDepthPeak = max(l.mu.stats.QueueDepthPeak, int64(l.mu.tail-l.mu.write.done))
	return Span{lsn, l.mu.tail}
}

// enqueueLocked hands the last size bytes of ck to the write stage, as part of
// the last extent when they continue it.
func (l *Log) enqueueLocked(ck *chunk, size int) {
	off := l.mu.cur.offset(l.mu.tail)
	if n := len(l.mu.queue); n > 0 {
		e := &l.mu.queue[n-1]
		if e.file == l.mu.cur && e.chunk == ck && e.end == ck.used-size {
			e.end = ck.used
			return
		}
	}
	l.mu.queue = append(l.mu.queue, extent{file: l.mu.cur, off: off, chunk: ck, start: ck.used - size, end: ck.used})
}

// rotateLocked puts the spare in use. Its header goes the way of the frames.
func (l *Log) rotateLocked() {
	f := l.mu.spare
	f.first = l.mu.tail
	h := header{logID: l.logID, index: f.index, first: f.first, synced: l.mu.sync.done, size: f.size}
	l.mu.queue = append(l.mu.queue, extent{file: f, header: h.encode()})
	files := *l.files.Load()
	next := append(files[:len(files):len(files)], f)
	l.files.Store(&next)
	l.mu.cur, l.mu.spare, l.mu.want, l.mu.lack = f, nil, 0, nil
	l.mu.stats.Rotations++
	l.wakePreparerLocked()
}

// Tail is the end of what was appended: where the next frame goes.
func (l *Log) Tail() LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.tail
}

// failLocked makes the log read-only and answers every waiter; first reports
// that it was not read-only before. Signalling the waiters under the lock is
// slow, which a failure may be, and never blocks.
func (l *Log) failLocked(err error) (first bool) {
	if first = l.mu.err == nil; first {
		l.mu.err = &failure{err}
	}
	l.changedLocked()
	wake(l.mu.write.release(true))
	wake(l.mu.sync.release(true))
	return first
}

// failure is the sticky error: ErrReadOnly with its cause.
type failure struct{ cause error }

func (f *failure) Error() string   { return ErrReadOnly.Error() + ": " + f.cause.Error() }
func (f *failure) Unwrap() []error { return []error{ErrReadOnly, f.cause} }

func (l *Log) changedLocked() {
	if l.mu.changed != nil {
		close(l.mu.changed)
		l.mu.changed = nil
	}
}

// Close makes everything appended durable, marks the end as synced, ends the
// background and closes the files. Appends that began before are finished;
// later ones get ErrClosed. It returns the sticky error of a failed log.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.mu.done {
		l.mu.Unlock()
		return nil
	}
	l.mu.done = true // from here on Reserve and Append refuse
	tail := l.mu.tail
	l.changedLocked()
	l.mu.Unlock()
	l.bg.stop()

	if l.WaitSynced(tail) == nil {
		l.WaitSynced(l.mark(tail)) // as the one before: a failure is sticky
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.mu.err
	if err == nil {
		l.mu.err = ErrClosed
	}
	for _, f := range *l.files.Load() {
		f.Close()
	}
	for _, f := range []*file{l.mu.spare, l.mu.recycled} {
		if f != nil {
			f.Close()
		}
	}
	return err
}
