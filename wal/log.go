package wal

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/wal/frame"
)

// typeMarker is the type of the log's own frames. They have no payload. One is
// appended when the log falls idle, so that the last frame before it, too, has
// a later one that proves it synced.
const (
	typeMarker = 0xff
	markerSize = frame.HeaderSize
)

// Span is where a frame stands: [Start, End).
type Span struct{ Start, End LSN }

// Log is an open log. Tail.Open makes it, after everything in it has been
// replayed. All methods may be called from any goroutine.
type Log struct {
	opts  Options
	logID uint64
	cache *cache
	files atomic.Pointer[[]*file] // those in use, by first; copied on change
	bg    background

	waiters sync.Pool    // of *waiter
	waiting atomic.Int64 // writers in WaitWritten and WaitSynced
	blocked atomic.Int64 // writers in Reserve that found no room

	// making is held while the next file is made or the freed one removed. mu
	// comes after it.
	making sync.Mutex

	mu struct {
		sync.Mutex

		// The end of the log.
		tail   LSN      // position of the next frame
		cur    *file    // holds tail
		queue  []extent // appended, not yet taken by the write stage
		dirty  []*file  // written since their last sync
		write  stage
		sync   stage
		marked LSN    // tail right after the last marker
		ticked LSN    // tail at the last background step
		newest uint64 // highest index of a file that has been synced in use
		err    error  // sticky failure
		done   bool   // Close has begun

		// The preallocated next file.
		next         *file     // zeroed and synced; nil while it is being made
		nextSize     int64     // bytes that it must at least have
		nextErr      error     // why the last attempt to make it failed
		nextErrSince time.Time // when making it began to fail; zero if the last attempt succeeded
		recyclable   *file     // freed, kept to become the next file; nil if there is none
		undead       []*file   // freed and closed, with names and contents that could not be removed yet

		// Room, see Reserve.
		limit    LSN           // where ordinary reservations wait; 0 if nowhere
		reserved int64         // bytes of frames promised: they fit into cur, or into next
		large    int           // waiting reservations that need a file larger than usual
		changed  chan struct{} // closed when room may have appeared; nil while no reservation waits

		writtenFrames, syncedFrames uint64 // frames through each stage, for Group.Frames
		stats                       Stats
	}
}

// extent is a run of bytes that are contiguous in the cache and in their file.
type extent struct {
	file       *file
	off        int64
	chunk      *chunk
	start, end int    // in chunk.buf
	header     []byte // a file's header; chunk is nil then
}

// appendLocked seals a frame at the tail. There must be room for it.
func (l *Log) appendLocked(typ byte, head, body []byte) Span {
	size := frame.Size(len(head) + len(body))
	if l.mu.cur.room(l.mu.tail) < int64(size) {
		l.rotateLocked()
	}
	lsn := l.mu.tail
	ck, buf := l.cache.reserveLocked(lsn, size, l.mu.write.done)
	copy(buf[frame.HeaderSize:], head)
	copy(buf[frame.HeaderSize+len(head):], body)
	frame.Seal(buf, typ, l.logID, uint64(lsn), uint64(l.mu.sync.done), len(head)+len(body))
	l.enqueueLocked(ck, size)
	l.mu.tail += LSN(size)
	l.mu.stats.Frames++
	l.mu.stats.QueueDepthPeak = max(l.mu.stats.QueueDepthPeak, int64(l.mu.tail-l.mu.write.done))
	return Span{lsn, l.mu.tail}
}

// enqueueLocked queues the last size bytes of ck for the write stage. They
// extend the last extent if they continue it.
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

// rotateLocked puts the next file in use. Its header is queued like a frame.
func (l *Log) rotateLocked() {
	f := l.mu.next
	f.first = l.mu.tail
	h := header{logID: l.logID, index: f.index, first: f.first, synced: l.mu.sync.done, size: f.size}
	l.mu.queue = append(l.mu.queue, extent{file: f, header: h.encode()})
	files := *l.files.Load()
	next := append(files[:len(files):len(files)], f)
	l.files.Store(&next)
	l.mu.cur, l.mu.next, l.mu.nextSize, l.mu.nextErr = f, nil, 0, nil
	l.mu.stats.Rotations++
	l.wakePreparerLocked()
}

// Tail returns the position of the next frame.
func (l *Log) Tail() LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.tail
}

// failLocked makes the log read-only and wakes every waiter. It reports whether
// this is the log's first failure. Waking never blocks; that it takes a while
// under the lock does not matter in a log that has failed.
func (l *Log) failLocked(err error) (first bool) {
	first = l.mu.err == nil
	if first {
		l.mu.err = &failure{err}
	}
	l.changedLocked()
	wake(l.mu.write.releaseLocked(true))
	wake(l.mu.sync.releaseLocked(true))
	return first
}

// failure is the sticky error: ErrReadOnly with its cause.
type failure struct{ cause error }

func (f *failure) Error() string   { return ErrReadOnly.Error() + ": " + f.cause.Error() }
func (f *failure) Unwrap() []error { return []error{ErrReadOnly, f.cause} }

// changedLocked wakes the reservations that wait for room.
func (l *Log) changedLocked() {
	if l.mu.changed != nil {
		close(l.mu.changed)
		l.mu.changed = nil
	}
}

// Close syncs everything appended, marks the end as synced, stops the background
// goroutines and closes the files. Appends that began before it are finished;
// later ones return ErrClosed. It returns the sticky error of a failed log.
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
	l.making.Lock() // the directory may belong to another process after Close
	defer l.making.Unlock()

	if l.WaitSynced(tail) == nil {
		l.WaitSynced(l.mark(tail)) // a failure is sticky: see err below
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
	for _, f := range []*file{l.mu.next, l.mu.recyclable} {
		if f != nil {
			f.Close()
		}
	}
	return err
}
