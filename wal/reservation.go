package wal

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/wal/frame"
)

// Mode is how Reserve and TryAppend ask for room. The zero Mode is for ordinary
// writes: it waits at most Options.QueueWait, and does not use the reserve of a
// full disk.
type Mode uint8

const (
	// Freeing is for frames that free space. They may use the reserve of a full
	// disk, and SetLimit does not hold them up.
	Freeing Mode = 1 << iota
	// Patient waits for room until the context ends.
	Patient
)

// Reservation is room in the log, in its queue and in its files, that Reserve
// has set aside. Append spends it; Release returns what is left. It belongs to
// one goroutine at a time. It must be released: room that is never returned is lost
// to all later writers.
type Reservation struct {
	// Waited is how long Reserve waited, also if it failed.
	Waited time.Duration

	log  *Log
	mode Mode
	left int64 // bytes of frames
}

// Reserve sets aside room for a frame with a payload of that many bytes, or for
// several smaller ones, and waits while there is none. It returns ErrQueueFull
// if that takes longer than Options.QueueWait and mode is not Patient, ctx.Err()
// if ctx ends first, and ErrDiskFull, ErrNoFile, ErrReadOnly or ErrClosed if
// waiting is of no use. No lock that an Append caller may need is held.
func (l *Log) Reserve(ctx context.Context, payload int, mode Mode) (Reservation, error) {
	if payload > frame.MaxPayload {
		return Reservation{}, ErrTooLarge
	}
	r := l.Unreserved(mode)
	size := int64(frame.Size(payload))
	changed, err := l.reserve(size, mode)
	if err == ErrBusy {
		began := time.Now()
		err = l.waitForSpace(ctx, size, mode, changed)
		r.Waited = time.Since(began)
	}
	if err == nil {
		r.left = size
	}
	return r, err
}

// Unreserved returns a reservation of nothing: its Append takes the room there
// is at the moment.
func (l *Log) Unreserved(mode Mode) Reservation { return Reservation{log: l, mode: mode} }

// TryAppend appends one frame without a reservation. It returns ErrBusy if there
// is no room at the moment.
func (l *Log) TryAppend(mode Mode, typ byte, head, body []byte) (Span, error) {
	r := l.Unreserved(mode)
	return r.Append(typ, head, body)
}

// Append puts one frame at the log's tail, spends the room that it takes, and
// returns where it stands. It never blocks on the disk. The payload is head
// followed by body; both are copied. typ is the caller's, 1 to 0xef. A frame
// that takes more than is left of the reservation needs the difference at once:
// Append returns ErrBusy, and spends nothing, if there is no room for it at the
// moment.
func (r *Reservation) Append(typ byte, head, body []byte) (Span, error) {
	return r.append(typ, head, body, false)
}

// AppendLast is Append and Release in one step, which is cheaper. It releases
// nothing if the append fails.
func (r *Reservation) AppendLast(typ byte, head, body []byte) (Span, error) {
	return r.append(typ, head, body, true)
}

func (r *Reservation) append(typ byte, head, body []byte, last bool) (Span, error) {
	payload := len(head) + len(body)
	if payload > frame.MaxPayload {
		return Span{}, ErrTooLarge
	}
	size := int64(frame.Size(payload))
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refusalLocked(); err != nil {
		return Span{}, err
	}
	if size > r.left {
		if err := l.roomLocked(size-r.left, r.mode); err != nil {
			return Span{}, err
		}
	}
	spent := min(size, r.left)
	if last {
		spent = r.left
	}
	r.left -= spent
	span := l.appendLocked(typ, head, body)
	l.unreserveLocked(spent)
	l.bg.arm()
	return span, nil
}

// Release returns what is left of the reservation. It may be called more than
// once, and for a reservation that failed.
func (r *Reservation) Release() {
	if r.left == 0 {
		return
	}
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unreserveLocked(r.left)
	r.left = 0
	if l.mu.tail != l.mu.marked {
		l.bg.arm() // the marker may have found no room beside the reservation
	}
	if len(l.mu.queue) == 0 { // otherwise the end of the next write wakes those that wait
		l.changedLocked()
	}
}

// SetLimit makes ordinary reservations wait, as for a full queue, while the
// log's tail, plus the reserved bytes, is at that position or beyond. 0 removes the
// limit. Frames that free space do not wait.
func (l *Log) SetLimit(at LSN) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.limit = at
	l.changedLocked()
}

// reserve sets size bytes aside if there is room now. With ErrBusy it returns a
// channel that is closed when there may be room.
func (l *Log) reserve(size int64, mode Mode) (changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err = l.refusalLocked(); err == nil {
		err = l.roomLocked(size, mode)
	}
	switch {
	case err == nil:
		l.mu.reserved += size
	case err == ErrBusy && l.mu.changed == nil:
		l.mu.changed = make(chan struct{})
	}
	return l.mu.changed, err
}

// waitForSpace reserves size bytes, first when changed is closed.
func (l *Log) waitForSpace(ctx context.Context, size int64, mode Mode, changed <-chan struct{}) error {
	if l.opts.Manual {
		return l.makeSpace(size, mode)
	}
	l.blocked.Add(1)
	defer l.blocked.Add(-1)
	if l.exceedsFile(size) {
		l.addLarge(1)
		defer l.addLarge(-1)
	}
	var timeout <-chan time.Time
	if mode&Patient == 0 {
		t := time.NewTimer(l.opts.QueueWait)
		defer t.Stop()
		timeout = t.C
	}
	for expired := false; ; {
		select {
		case <-changed:
		case <-timeout:
			expired = true // one more look: there may be room meanwhile
		case <-ctx.Done():
			return ctx.Err()
		}
		var err error
		changed, err = l.reserve(size, mode)
		if err != ErrBusy {
			return err
		}
		if expired {
			return ErrQueueFull
		}
	}
}

// makeSpace does in the foreground what waitForSpace waits for.
func (l *Log) makeSpace(size int64, mode Mode) error {
	for {
		if err := l.writeAndPrepare(); err != nil {
			return err
		}
		if _, err := l.reserve(size, mode); err != ErrBusy {
			return err
		}
	}
}

// exceedsFile reports whether a frame of that size needs a file of its own.
func (l *Log) exceedsFile(size int64) bool { return size > l.opts.fileSize(0)-HeaderSize }

// addLarge adds n to the number of reservations that wait for a file larger than
// usual. While there is one, others get room in the present file only: otherwise they
// would use up the large file, or never be spent all at once, which frees it.
func (l *Log) addLarge(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.large += n
	l.changedLocked()
}

// Refusal returns why the log accepts no more frames, or nil if it does.
func (l *Log) Refusal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusalLocked()
}

// refusalLocked returns why the log accepts no more frames, or nil if it does.
func (l *Log) refusalLocked() error {
	if l.mu.err == nil && l.mu.done {
		return ErrClosed
	}
	return l.mu.err
}

// roomLocked returns nil if size more bytes could be appended now and all that is
// reserved after that, ErrBusy if perhaps soon, and otherwise an error that
// waiting does not cure.
func (l *Log) roomLocked(size int64, mode Mode) error {
	freeing := mode&Freeing != 0
	depth := int64(l.mu.tail-l.mu.write.done) + l.mu.reserved
	switch {
	case depth > 0 && depth+size > l.opts.QueueBytes:
		l.mu.stats.SubmitFull++
		l.WriteSoon() // what fills the queue may have no waiter
		return ErrBusy
	case l.mu.limit > 0 && l.mu.tail+LSN(l.mu.reserved) >= l.mu.limit && !freeing:
		l.mu.stats.SubmitFull++
		return ErrBusy
	}
	need := l.mu.reserved + size
	room := l.mu.cur.room(l.mu.tail)
	waits := l.mu.large > 0 && l.mu.nextErr == nil && !l.exceedsFile(size) // see addLarge
	switch spare := l.mu.next; {
	case spare != nil && !waits && need <= max(room, spare.size-HeaderSize):
		return nil
	case freeing && need <= room, need <= room-l.opts.reserve():
		return nil
	case l.mu.nextErr != nil:
		return l.mu.nextErr
	}
	if want := l.opts.fileSize(int(size)); want > l.mu.nextSize {
		l.mu.nextSize = want
	}
	l.wakePreparerLocked()
	return ErrBusy
}

// unreserveLocked takes back n bytes that were reserved. A large reservation may
// have waited until all of them are back.
func (l *Log) unreserveLocked(n int64) {
	l.mu.reserved -= n
	if n > 0 && l.mu.reserved == 0 && l.mu.large > 0 {
		l.changedLocked()
	}
}
