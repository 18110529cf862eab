package wal

import (
	"sync"
	"sync/atomic"
	"time"
)

// spaceRetry is the pause before another attempt to make the next file after one
// that failed, for want of space or for another reason.
const spaceRetry = time.Second

// background holds the state of the log's own goroutines: the syncer bounds how
// long written bytes stay unsynced, the writer writes frames that have no waiter,
// the preparer makes the next file, and the reporter calls Options.InUse and
// Options.Finished.
type background struct {
	idle     atomic.Bool   // the syncer sleeps until the next append
	kick     chan struct{} // capacity 1: wakes the syncer
	soon     chan struct{} // capacity 1: wakes the writer
	prepare  chan struct{} // capacity 1: wakes the preparer
	used     chan struct{} // capacity 1: wakes the reporter
	quit     chan struct{}
	wg       sync.WaitGroup
	report   atomic.Pointer[inUse]
	reported uint64 // index up to which Finished was called; only the reporter uses it
}

// inUse is a report that the files up to newest are in use and durable below synced.
type inUse struct {
	newest uint64
	synced LSN
}

func (l *Log) startBackground() {
	b := &l.bg
	b.kick, b.soon = make(chan struct{}, 1), make(chan struct{}, 1)
	b.prepare, b.used = make(chan struct{}, 1), make(chan struct{}, 1)
	b.quit = make(chan struct{})
	b.reported = l.mu.newest - 1
	if l.opts.Manual {
		return
	}
	for _, run := range []func(){l.runSyncer, l.runWriter, l.runPreparer, l.runReporter} {
		b.wg.Go(run)
	}
}

func (b *background) stop() {
	close(b.quit)
	b.wg.Wait()
}

// arm wakes the syncer, if it sleeps, after an append.
func (b *background) arm() {
	if b.idle.Load() && b.idle.CompareAndSwap(true, false) {
		signal(b.kick)
	}
}

// reportInUse makes the reporter report u.
func (l *Log) reportInUse(u inUse) {
	if l.opts.Manual {
		l.report(u)
		return
	}
	l.bg.report.Store(&u)
	signal(l.bg.used)
}

// report calls Options.InUse and Options.Finished. One goroutine at a time calls
// it: the reporter, or the one that syncs a Manual log.
func (l *Log) report(u inUse) {
	if l.opts.InUse != nil {
		l.opts.InUse(u.newest, u.synced)
	}
	if l.opts.Finished == nil {
		return
	}
	for _, f := range l.Files() {
		if f.Index > l.bg.reported && f.Index < u.newest {
			l.opts.Finished(f)
			l.bg.reported = f.Index
		}
	}
}

// signal sends on a channel of capacity 1, unless a value is waiting there already.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// WriteSoon makes the background write everything appended so far.
func (l *Log) WriteSoon() { signal(l.bg.soon) }

func (l *Log) runWriter() {
	for {
		select {
		case <-l.bg.soon:
		case <-l.bg.quit:
			return
		}
		l.mu.Lock()
		tail := l.mu.tail
		l.mu.Unlock()
		if l.waitWritten(tail) != nil {
			return // sticky: nothing will ever be written again
		}
	}
}

func (l *Log) runSyncer() {
	tick := time.NewTimer(l.opts.DiskSync)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.bg.quit:
			return
		}
		idle, err := l.Tick()
		if err != nil {
			return // sticky: nothing will ever be synced again
		}
		if idle && !l.sleep() {
			return
		}
		tick.Reset(l.opts.DiskSync)
	}
}

// sleep waits for the next append. It returns false if the log is closing.
func (l *Log) sleep() bool {
	l.bg.idle.Store(true)
	l.mu.Lock()
	missed := l.mu.tail != l.mu.marked && l.mu.tail != l.mu.ticked
	l.mu.Unlock()
	if missed && l.bg.idle.CompareAndSwap(true, false) {
		return true
	}
	select {
	case <-l.bg.kick:
		return true
	case <-l.bg.quit:
		return false
	}
}

// Tick is one step of the syncer, which takes one every Options.DiskSync. It syncs
// everything appended so far. If there was no append since the step before, it
// marks the end as synced instead and reports the log idle: another step is needed
// only after the next append.
func (l *Log) Tick() (idle bool, err error) {
	l.mu.Lock()
	tail, quiet := l.mu.tail, l.mu.tail == l.mu.ticked
	l.mu.ticked = tail
	retry := l.opts.Manual && l.mu.nextErr != nil
	l.mu.Unlock()
	if retry {
		l.prepareNext()
	}
	if !quiet {
		return false, l.waitSynced(tail)
	}
	return true, l.waitWritten(l.mark(tail))
}

// mark appends a marker to a log that is synced up to at, and returns the log's
// end. It appends none if the log ends with a marker, or has a frame after at, or
// has no room for it in its file beside what is reserved: then only the proof is
// missing.
func (l *Log) mark(at LSN) LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err == nil && l.mu.tail == at && at != l.mu.marked && l.mu.cur.room(at)-l.mu.reserved >= markerSize {
		l.mu.marked = l.appendLocked(typeMarker, nil, nil).End
		l.mu.ticked = l.mu.marked
	}
	return l.mu.tail
}

func (l *Log) wakePreparerLocked() { signal(l.bg.prepare) }

func (l *Log) runPreparer() {
	var retry <-chan time.Time
	for {
		select {
		case <-l.bg.prepare:
		case <-retry:
		case <-l.bg.quit:
			return
		}
		retry = nil
		if !l.prepareNext() {
			retry = time.After(spaceRetry)
		}
	}
}

// writeAndPrepare writes the queue and makes the next file, in the calling goroutine.
func (l *Log) writeAndPrepare() error {
	l.mu.Lock()
	tail := l.mu.tail
	l.mu.Unlock()
	if err := l.waitWritten(tail); err != nil {
		return err
	}
	l.prepareNext()
	return nil
}

func (l *Log) runReporter() {
	var reported uint64
	for {
		select {
		case <-l.bg.used: // the signal before may have brought this report already
			u := *l.bg.report.Load()
			if u.newest > reported {
				reported = u.newest
				l.report(u)
			}
		case <-l.bg.quit:
			return
		}
	}
}
