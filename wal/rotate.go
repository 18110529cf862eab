package wal

import "context"

// Rotate puts the next file in use, unless the present one has no frames, and
// returns where the file that is in use now begins. Its use is durable then:
// TruncateFront may free whatever is before it. The file begins with a marker.
//
// Rotate waits until the next file has been made and has room for all that is
// reserved, and ends with ctx. Like Reserve it returns ErrDiskFull, ErrNoFile,
// ErrReadOnly or ErrClosed if waiting is of no use.
func (l *Log) Rotate(ctx context.Context) (LSN, error) {
	if l.opts.Manual {
		if err := l.writeAndPrepare(); err != nil {
			return 0, err
		}
	}
	for {
		first, end, changed, err := l.tryRotate()
		if err == nil {
			return first, l.WaitSynced(end)
		}
		if err != ErrBusy || l.opts.Manual {
			return 0, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// tryRotate rotates if it can at once, and returns where the present file begins
// and where its marker ends. With ErrBusy it returns a channel that is closed when
// another attempt is worth it.
func (l *Log) tryRotate() (first, end LSN, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.rotatableLocked(); err != nil {
		if err == ErrBusy && l.mu.changed == nil {
			l.mu.changed = make(chan struct{})
		}
		return 0, 0, l.mu.changed, err
	}
	if l.mu.tail != l.mu.cur.first {
		l.rotateLocked()
	}
	// Without a frame nothing would make the use of the file durable. What is
	// before the marker may not be synced yet, so mark has to append another one.
	end = l.appendLocked(typeMarker, nil, nil).End
	l.bg.arm()
	return l.mu.cur.first, end, nil, nil
}

// rotatableLocked returns why the log cannot rotate now: ErrBusy if it perhaps
// can soon.
func (l *Log) rotatableLocked() error {
	if err := l.refusalLocked(); err != nil {
		return err
	}
	into, room := l.mu.next, int64(0)
	switch {
	case l.mu.tail == l.mu.cur.first:
		room = l.mu.cur.room(l.mu.tail)
	case into != nil:
		room = into.size - HeaderSize
	case l.mu.nextErr != nil:
		return l.mu.nextErr
	default:
		l.wakePreparerLocked()
		return ErrBusy
	}
	if l.mu.large > 0 || l.mu.reserved+markerSize > room { // the file is for those who wait for it
		return ErrBusy
	}
	return nil
}

// RemoveFreed removes the freed file that is kept to be recycled, if there is one, and
// those that could not be recycled or removed before: until then they have their old
// content. It returns an error as long as one is left. The goroutine that calls
// TruncateFront calls it.
func (l *Log) RemoveFreed() error {
	l.making.Lock() // no file is being recycled
	defer l.making.Unlock()
	l.mu.Lock()
	if err := l.refusalLocked(); err != nil {
		l.mu.Unlock()
		return err
	}
	if old := l.mu.recyclable; old != nil {
		l.mu.undead = append(l.mu.undead, old)
		l.mu.recyclable = nil
	}
	l.mu.Unlock()
	return l.discardAgain()
}
