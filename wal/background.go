package wal

import (
	"errors"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// spaceRetry is how often a full disk is tried again.
const spaceRetry = time.Second

// background is what the log does without being asked: it bounds how long
// written bytes stay unsynced, writes what nobody waits for, zeroes the next
// file, and reports files put in use.
type background struct {
	idle    atomic.Bool   // the syncer sleeps; the next append wakes it
	kick    chan struct{} // capacity 1: wakes the syncer
	soon    chan struct{} // capacity 1: wakes the writer
	prepare chan struct{} // capacity 1: wakes the preparer
	used    chan struct{} // capacity 1: wakes the reporter
	quit    chan struct{}
	wg      sync.WaitGroup
	report  atomic.Pointer[inUse]
	manual  func(inUse) // Options.Manual: called in place of the reporter
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
	if l.opts.Manual {
		b.manual = func(u inUse) { l.opts.InUse(u.newest, u.synced) }
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

func (b *background) inUse(newest uint64, synced LSN) {
	u := inUse{newest, synced}
	if b.manual != nil {
		b.manual(u)
		return
	}
	b.report.Store(&u)
	signal(b.used)
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
		if l.WaitWritten(tail) != nil {
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
	retry := l.opts.Manual && l.mu.full
	l.mu.Unlock()
	if retry {
		l.prepareSpare()
	}
	if !quiet {
		return false, l.WaitSynced(tail)
	}
	return true, l.WaitWritten(l.mark(tail))
}

// mark appends a marker to a log that is synced up to at, and returns the
// log's end. There is none if the log ends with one, or has gone on since, or
// has no room left in its file, which only costs the proof.
func (l *Log) mark(at LSN) LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err == nil && l.mu.tail == at && at != l.mu.marked && l.mu.cur.room(at) >= markerSize {
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

// prepareSpare makes sure that there is a spare of the wanted size; false
// means that the disk is full and it is to be tried again. A spare that is too
// small goes, for its name and its space; if the bigger one does not fit, one
// of the usual size comes back, so that only the frame that wanted more is
// refused.
func (l *Log) prepareSpare() bool {
	usual := l.opts.fileSize(0)
	l.mu.Lock()
	size := max(l.mu.want, usual)
	if l.mu.spare != nil && l.mu.spare.size >= size {
		l.mu.full = false
		l.mu.Unlock()
		return true
	}
	small := l.mu.spare
	l.mu.spare = nil
	index := l.mu.cur.index + 1
	l.mu.Unlock()

	var f *file
	err := l.dropSpare(small)
	if err == nil {
		f, err = createFile(l.opts.FS, l.opts.Dir, index, size)
	}
	full := noSpace(err)
	if full && size > usual {
		f, err = createFile(l.opts.FS, l.opts.Dir, index, usual)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changedLocked()
	if l.mu.full = full; full {
		l.mu.want = 0
	}
	if err == nil {
		l.mu.spare = f
	} else if !noSpace(err) {
		l.failLocked(err)
	}
	return !full
}

// noSpace says that an error is a full disk, or a quota used up.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (l *Log) dropSpare(f *file) error {
	if f == nil {
		return nil
	}
	f.Close()
	return l.opts.FS.Remove(path.Join(l.opts.Dir, f.name))
}

// makeRoom does in the foreground what a busy log is waiting for.
func (l *Log) makeRoom() error {
	l.mu.Lock()
	tail := l.mu.tail
	l.mu.Unlock()
	if err := l.WaitWritten(tail); err != nil {
		return err
	}
	l.prepareSpare()
	return nil
}

func (l *Log) runReporter() {
	for {
		select {
		case <-l.bg.used:
			u := l.bg.report.Load()
			l.opts.InUse(u.newest, u.synced)
		case <-l.bg.quit:
			return
		}
	}
}
