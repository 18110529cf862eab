package wal

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// earlyWrite is how many queued bytes make a waiter write them while a sync is
// running, instead of leaving them to the goroutine that runs the next sync:
// copying this much takes longer than the system call it saves.
const earlyWrite = 256 << 10

// smallGroup is how many frames make a sync worth starting at once. With 64
// writers over HTTP on two cores, always yielding first gave groups of 23 frames
// but left the disk idle meanwhile, and never yielding gave groups of 15. Yielding
// below smallGroup gave 20, and the most writes per second.
const smallGroup = 8

// stage is one step of the commit. At most one goroutine at a time runs it, on
// behalf of all waiters. Log.mu guards it, except for seen.
type stage struct {
	active  bool
	began   time.Time // when it became active
	done    LSN       // everything below is through the stage
	waiters []*waiter
	seen    atomic.Uint64 // copy of done for readers without the lock
}

func (s *stage) advanceLocked(upto LSN) {
	s.done = max(s.done, upto)
	s.seen.Store(uint64(s.done))
}

// through returns done. It needs no lock.
func (s *stage) through() LSN { return LSN(s.seen.Load()) }

type waiter struct {
	upto LSN
	ch   chan struct{} // capacity 1; receives at most one send per wait
}

// releaseLocked removes the waiters that the stage has served, or all of them if
// all is set, and one more, which will run the stage next. The caller passes them
// to wake, which needs no lock.
func (s *stage) releaseLocked(all bool) (served []*waiter) {
	kept := s.waiters[:0]
	elected := s.active
	for _, w := range s.waiters {
		switch {
		case all || w.upto <= s.done:
		case !elected:
			elected = true
		default:
			kept = append(kept, w)
			continue
		}
		served = append(served, w)
	}
	clear(s.waiters[len(kept):])
	s.waiters = kept
	return served
}

func wake(served []*waiter) {
	for _, w := range served {
		w.ch <- struct{}{}
	}
}

// runningLocked returns how long the present run of the stage has taken so far,
// or 0 if the stage is idle.
func (s *stage) runningLocked() time.Duration {
	if !s.active {
		return 0
	}
	return max(time.Since(s.began), 1)
}

// WaitWritten blocks until everything below upto is in the log files.
func (l *Log) WaitWritten(upto LSN) error {
	if l.Written() >= upto {
		return nil
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	return l.waitWritten(upto)
}

// WaitSynced blocks until everything below upto is durable.
func (l *Log) WaitSynced(upto LSN) error {
	if l.Synced() >= upto {
		return nil
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	return l.waitSynced(upto)
}

// waitWritten is WaitWritten for the log's own goroutines, which Stats.Waiting
// does not count.
func (l *Log) waitWritten(upto LSN) error {
	return l.await(&l.mu.write, upto, l.writeQueued)
}

// waitSynced is WaitSynced for the log's own goroutines.
func (l *Log) waitSynced(upto LSN) error { return l.await(&l.mu.sync, upto, l.syncWritten) }

// writesEarlyLocked reports whether a goroutine that waits for a sync up to that
// position is to write what is queued meanwhile: see earlyWrite.
func (l *Log) writesEarlyLocked(upto LSN) bool {
	return !l.mu.write.active && l.mu.write.done < upto && l.mu.tail-l.mu.write.done >= earlyWrite
}

// Written returns the position below which everything is in the log files.
func (l *Log) Written() LSN { return l.mu.write.through() }

// Synced returns the position below which everything is durable.
func (l *Log) Synced() LSN { return l.mu.sync.through() }

// await returns when everything below upto is through the stage. It runs work for
// all waiters if the stage is idle, and otherwise sleeps until the stage has got
// that far or elects this goroutine to run it.
func (l *Log) await(s *stage, upto LSN, work func() (LSN, error)) error {
	for {
		if s.through() >= upto {
			return nil
		}
		l.mu.Lock()
		switch {
		case s.done >= upto:
			l.mu.Unlock()
			return nil
		case l.mu.err != nil:
			defer l.mu.Unlock()
			return l.mu.err
		case s.active && s == &l.mu.sync && l.writesEarlyLocked(upto):
			l.mu.Unlock()
			if err := l.waitWritten(upto); err != nil {
				return err
			}
		case s.active:
			w, _ := l.waiters.Get().(*waiter)
			if w == nil {
				w = &waiter{ch: make(chan struct{}, 1)}
			}
			w.upto = upto
			s.waiters = append(s.waiters, w)
			l.mu.Unlock()
			<-w.ch
			l.waiters.Put(w)
		default:
			s.active, s.began = true, time.Now()
			l.mu.Unlock()
			if err := l.run(s, work); err != nil {
				return err
			}
		}
	}
}

// run does the work of a stage that this goroutine has made active, and wakes the
// waiters that it served.
func (l *Log) run(s *stage, work func() (LSN, error)) error {
	done, err := work()
	l.mu.Lock()
	s.active = false
	var served []*waiter
	failed := false
	if err != nil {
		failed = l.failLocked(err) && !l.mu.done
		err = l.mu.err
	} else {
		s.advanceLocked(done)
		served = s.releaseLocked(false)
	}
	l.mu.Unlock()
	wake(served)
	if failed && l.opts.Failed != nil {
		if l.opts.Manual {
			l.opts.Failed(err)
		} else {
			go l.opts.Failed(err)
		}
	}
	return err
}

// writeQueued is the work of the write stage: it writes every queued extent,
// oldest first.
func (l *Log) writeQueued() (LSN, error) {
	l.mu.Lock()
	queue, upto, frames := l.mu.queue, l.mu.tail, l.mu.stats.Frames
	l.mu.queue = nil
	l.mu.Unlock()

	var written uint64
	for _, e := range queue {
		p := e.header
		if p == nil {
			p = e.chunk.buf[e.start:e.end]
		}
		if _, err := e.file.WriteAt(p, e.off); err != nil {
			return 0, err
		}
		written += uint64(len(p))
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range queue {
		if !slices.Contains(l.mu.dirty, e.file) {
			l.mu.dirty = append(l.mu.dirty, e.file)
		}
	}
	l.mu.stats.Batches++
	l.mu.stats.BytesWritten += written
	l.mu.write.advanceLocked(upto)
	l.mu.writtenFrames = frames
	l.changedLocked()
	return upto, nil
}

// syncWritten is the work of the sync stage: it waits until everything appended so
// far is written, then syncs every file written to since its last sync.
func (l *Log) syncWritten() (LSN, error) {
	l.mu.Lock()
	gathered := l.mu.stats.Frames - l.mu.syncedFrames
	l.mu.Unlock()
	if gathered < smallGroup {
		// Goroutines about to append run first and share this sync. Without
		// any this costs nothing. It takes the place of a timer.
		runtime.Gosched()
	}
	l.mu.Lock()
	tail := l.mu.tail
	l.mu.Unlock()
	if err := l.waitWritten(tail); err != nil {
		return 0, err
	}

	l.mu.Lock()
	dirty, upto, frames := l.mu.dirty, l.mu.write.done, l.mu.writtenFrames
	l.mu.dirty = nil
	l.mu.Unlock()

	began := time.Now()
	for _, f := range dirty {
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)

	l.mu.Lock()
	group := Group{Sync: took, Frames: int(frames - l.mu.syncedFrames), Bytes: int64(upto - l.mu.sync.done)}
	l.mu.syncedFrames = frames
	l.mu.stats.Syncs++
	l.mu.stats.LastSync = took
	newest := l.mu.newest
	for _, f := range dirty {
		l.mu.newest = max(l.mu.newest, f.index)
	}
	rotated := l.mu.newest > newest
	newest = l.mu.newest
	l.mu.Unlock()
	if l.opts.Observe != nil {
		l.opts.Observe(group)
	}
	if rotated {
		l.reportInUse(inUse{newest, upto})
	}
	return upto, nil
}
