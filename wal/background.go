package wal

import (
	"sync"
	"sync/atomic"
	"time"
)

// spaceRetry is how often it is tried again to make a file for which there was
// no space, or which failed for another reason.
const spaceRetry = time.Second

// background is what the log does without being asked: it bounds how long
// written bytes stay unsynced, writes what nobody waits for, zeroes the next
// file, and reports files put in use and left.
type background struct {
	idle    atomic.Bool   // the syncer sleeps; the next append wakes it
	kick    chan struct{} // capacity 1: wakes the syncer
	soon    chan struct{} // capacity 1: wakes the writer
	prepare chan struct{} // capacity 1: wakes the preparer
	used    chan struct{} // capacity 1: wakes the reporter
	quit    chan struct{}
	wg      sync.WaitGroup
	report  atomic.Pointer[inUse]
	told    uint64 // index up to which Finished was called; of the reporter
}

type inUse struct {
	newest uint64
	synced LSN
}

func (l *Log) startBackground() {
	b := &l.bg
	b.kick, b.soon = make(chan struct{}, 1), make(chan struct{}, 1)
	b.prepare, b.used = make(chan struct{}, 1), make(chan struct{}, 1)
	b.quit = make(chan struct{})
	b.told = l.mu.newest - 1
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

// arm makes sure that what was just appended will be synced in time.
func (b *background) arm() {
	if b.idle.Load() && b.idle.CompareAndSwap(true, false) {
		signal(b.kick)
	}
}

// rotated has it reported that newer files are in use, which the sync stage
// has made durable.
func (l *Log) rotated(newest uint64, synced LSN) {
	u := inUse{newest, synced}
	if l.opts.Manual {
		l.reportUse(u)
		return
	}
	l.bg.report.Store(&u)
	signal(l.bg.used)
}

// reportUse is called by one goroutine at a time: the reporter, or whoever
// syncs a log that is Manual.
func (l *Log) reportUse(u inUse) {
	if l.opts.InUse != nil {
		l.opts.InUse(u.newest, u.synced)
	}
	if l.opts.Finished == nil {
		return
	}
	for _, f := range l.Files() {
		if f.Index > l.bg.told && f.Index < u.newest {
			l.opts.Finished(f)
			l.bg.told = f.Index
		}
	}
}

// signal leaves a hint; one is enough.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// WriteSoon has everything appended so far written without anyone waiting.
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

// sleep waits for the next append; false means the log is closing.
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

// Tick is one step of the background, taken every Options.DiskSync: what is
// unsynced is synced; if nothing came since the last step, the end is marked
// as synced and there is nothing more to do until the next append (idle).
func (l *Log) Tick() (idle bool, err error) {
	l.mu.Lock()
	tail, quiet := l.mu.tail, l.mu.tail == l.mu.ticked
	l.mu.ticked = tail
	retry := l.opts.Manual && l.mu.lack != nil
	l.mu.Unlock()
	if retry {
		l.prepareSpare()
	}
	if !quiet {
		return false, l.waitSynced(tail)
	}
	return true, l.waitWritten(l.mark(tail))
}

// mark appends a marker to a log that is synced up to at, and returns the
// log's end. There is none if the log ends with one, or has gone on since, or
// has no room left in its file beside what is reserved, which only costs the
// proof.
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
		if !l.prepareSpare() {
			retry = time.After(spaceRetry)
		}
	}
}

// makeRoom does in the foreground what a busy log is waiting for.
func (l *Log) makeRoom() error {
	l.mu.Lock()
	tail := l.mu.tail
	l.mu.Unlock()
	if err := l.waitWritten(tail); err != nil {
		return err
	}
	l.prepareSpare()
	return nil
}

func (l *Log) runReporter() {
	var told uint64
	for {
		select {
		case <-l.bg.used: // perhaps for a report that the hint before brought, too
			if u := *l.bg.report.Load(); u.newest > told {
				told = u.newest
				l.reportUse(u)
			}
		case <-l.bg.quit:
			return
		}
	}
}
