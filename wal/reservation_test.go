package wal

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// reserveNow reserves room that must be there.
func reserveNow(t *testing.T, l *Log, payload int, mode Mode) *Reservation {
	t.Helper()
	room, err := l.Reserve(context.Background(), payload, mode)
	check(t, err)
	if room.Waited > 0 {
		t.Errorf("waited %v for %d bytes", room.Waited, payload)
	}
	return &room
}

// TestReservedQueueIsKept: others that fill the queue leave the room that is reserved.
func TestReservedQueueIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := held(t, func(o *Options) { o.QueueBytes = 16 << 10 })
		v.writes.close()
		room := reserveNow(t, l, 5000, 0)
		var err error
		for err == nil {
			_, err = l.TryAppend(0, 1, nil, payloadOf(1000))
		}
		if s := l.Stats(); !errors.Is(err, ErrBusy) || s.QueueDepth < 10_000 || s.QueueDepth > 12_000 || s.Reserved != int64(frame.Size(5000)) {
			t.Errorf("%v with %+v", err, s)
		}
		for range 4 { // of 5032 bytes reserved, each takes 1032
			_, err := room.Append(1, payloadOf(500), payloadOf(500))
			check(t, err)
		}
		if _, err := room.Append(1, nil, payloadOf(1000)); !errors.Is(err, ErrBusy) {
			t.Errorf("more than was reserved: %v", err)
		}
		_, err = room.Append(1, nil, payloadOf(800)) // what it did not get is still there
		check(t, err)
		room.Release()
		room.Release()
		if s := l.Stats(); s.Reserved != 0 {
			t.Errorf("after the release: %+v", s)
		}
		v.writes.open()
		check(t, l.Close())
		if _, err := room.Append(1, nil, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestReleaseWakesWaiters: room that is returned unspent goes to a waiting reservation.
func TestReleaseWakesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.QueueBytes, o.QueueWait = 4<<10, time.Hour })
		room := reserveNow(t, l, 3000, 0)
		got := make(chan time.Duration)
		go func() {
			room, err := l.Reserve(context.Background(), 3000, 0)
			check(t, err)
			_, err = room.Append(1, nil, payloadOf(100))
			check(t, err)
			room.Release()
			got <- room.Waited
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		if s := l.Stats(); s.Blocked != 1 || s.Frames != 0 {
			t.Errorf("beside a reservation: %+v", s)
		}
		room.Release()
		if waited := <-got; waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		check(t, l.Close())
	})
}

// TestAppendLast: the last frame of a reservation gives back the rest of it in the
// same step, for those that wait to have it when the frame is written. One that is
// refused gives back nothing.
func TestAppendLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.QueueBytes, o.QueueWait = 4<<10, time.Hour })
		room := reserveNow(t, l, 3000, 0)
		got := make(chan error, 1)
		go func() {
			room, err := l.Reserve(context.Background(), 3000, 0)
			room.Release()
			got <- err
		}()
		synctest.Wait()
		reserved := int64(frame.Size(3000))
		if _, err := room.AppendLast(1, nil, payloadOf(5000)); !errors.Is(err, ErrBusy) || l.Stats().Reserved != reserved {
			t.Errorf("more than there is room for: %v with %+v", err, l.Stats())
		}
		span, err := room.AppendLast(1, payloadOf(50), payloadOf(50))
		check(t, err)
		if s := l.Stats(); s.Reserved != 0 || s.Blocked != 1 {
			t.Errorf("after the last frame: %+v", s)
		}
		check(t, l.WaitWritten(span.End))
		check(t, <-got)
		room.Release() // it has nothing left
		if s := l.Stats(); s.Reserved != 0 {
			t.Errorf("after the release: %+v", s)
		}
		check(t, l.Close())
	})
}

// TestReleaseWakesAtTheEndOfAWrite: a write that has woken the waiters already, but
// has not ended, does not wake them again.
func TestReleaseWakesAtTheEndOfAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.QueueBytes, o.QueueWait = 4<<10, time.Hour })
		room := reserveNow(t, l, 3000, 0)
		got := make(chan error, 1)
		go func() {
			room, err := l.Reserve(context.Background(), 3000, 0)
			room.Release()
			got <- err
		}()
		synctest.Wait()
		l.mu.Lock()
		l.mu.write.active = true
		l.mu.Unlock()
		room.Release()
		synctest.Wait()
		select {
		case err := <-got:
			check(t, err)
		default:
			t.Error("still waiting")
		}
		l.mu.Lock()
		l.mu.write.active = false
		l.mu.Unlock()
		check(t, l.Close())
	})
}

// TestLargeReservation: a frame larger than a file gets one although smaller
// frames never stop, and these continue after it.
func TestLargeReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.FileBytes, o.QueueWait = fullFile, time.Hour })
		small := []*Reservation{reserveNow(t, l, 200, 0)}
		large := make(chan Span)
		go func() {
			room, err := l.Reserve(context.Background(), 2*fullFile, 0)
			check(t, err)
			span, err := room.Append(1, nil, payloadOf(2*fullFile))
			check(t, err)
			large <- span
		}()
		synctest.Wait()
		// There is always one of these when the one before is spent.
		for l.mu.cur.room(l.mu.tail)-l.mu.reserved-int64(l.opts.reserve()) >= 232 {
			small = append(small, reserveNow(t, l, 200, 0))
			_, err := small[0].Append(1, nil, payloadOf(200))
			check(t, err)
			small = small[1:]
			synctest.Wait()
		}
		after := make(chan Span)
		go func() {
			room, err := l.Reserve(context.Background(), 200, 0)
			check(t, err)
			span, err := room.Append(1, nil, payloadOf(200))
			check(t, err)
			after <- span
		}()
		synctest.Wait()
		if s := l.Stats(); s.Blocked != 2 {
			t.Errorf("the present file is used up: %+v", s)
		}
		last, err := small[0].Append(1, nil, payloadOf(200))
		check(t, err)
		if got := <-large; got.Start != last.End {
			t.Errorf("the large frame is at %v, the one before it at %v", got, last)
		}
		<-after
		if s := l.Stats(); s.Rotations != 2 || s.Reserved != 0 || s.Blocked != 0 || l.mu.large != 0 {
			t.Errorf("in the end %+v", s)
		}
		check(t, l.Close())
	})
}

// TestLargeReservationGivesUp: reservations that waited for it get room at once.
func TestLargeReservationGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.FileBytes, o.QueueWait = fullFile, time.Hour })
		first := reserveNow(t, l, 200, 0)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() {
			_, err := l.Reserve(ctx, 2*fullFile, Patient)
			done <- err
		}()
		synctest.Wait()
		go func() {
			room, err := l.Reserve(context.Background(), fullFile/2, 0)
			room.Release()
			done <- err
		}()
		go func() {
			room, err := l.Reserve(context.Background(), fullFile-500, 0)
			room.Release()
			done <- err
		}()
		check(t, <-done) // the smaller one fits into the present file
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		check(t, <-done)
		_, err := first.Append(1, nil, payloadOf(200))
		check(t, err)
		check(t, l.Close())
	})
}

// TestLargeReservationRefused: no space for a large file is no reason to refuse
// others, although the one that wanted it has not gone yet.
func TestLargeReservationRefused(t *testing.T) {
	_, _, l := fullLog(t, 3)
	l.addLarge(1)
	if _, err := l.reserve(2*fullFile, 0); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	l.prepareNext()
	if _, err := l.reserve(2*fullFile, 0); !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
	reserveNow(t, l, fullFile-200, 0).Release()
	l.addLarge(-1)
	check(t, l.Close())
}

// TestReservationsAreKept reserves, spends and releases at random, beside frames
// that are not reserved, markers, and next files that are made, made larger, or find
// no space: reserved frames can always be appended.
func TestReservationsAreKept(t *testing.T) {
	var spent, refused, full int
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 35))
		fsys := crashfs.New()
		fsys.SetCapacity(fullFile * int64(3+rng.IntN(4)))
		o := options(fsys, ".")
		o.Manual, o.FileBytes = true, fullFile
		var l *Log
		kept := func() {
			if l != nil && l.mu.reserved > l.mu.cur.room(l.mu.tail) && (l.mu.next == nil || l.mu.reserved > l.mu.next.size-HeaderSize) {
				t.Fatalf("seed %d: %d bytes are reserved, room is %d", seed, l.mu.reserved, l.mu.cur.room(l.mu.tail))
			}
		}
		o.Room = func(LSN, int64) error {
			kept() // while the next file is made
			return nil
		}
		l, _, _ = reopen(t, o)
		var rooms []Reservation
		size := func() int {
			if rng.IntN(40) == 0 {
				return fullFile + rng.IntN(fullFile)
			}
			return rng.IntN(3000)
		}
		mode := func() Mode { return Mode(rng.IntN(2)) * Freeing }
		n := 0
		for range 400 {
			switch rng.IntN(10) {
			case 0, 1, 2, 3:
				payload, m := size(), mode()
				bytes := int64(frame.Size(payload))
				_, err := l.reserve(bytes, m)
				switch {
				case err == nil:
					rooms = append(rooms, Reservation{log: l, mode: m, left: bytes})
				case errors.Is(err, ErrBusy), errors.Is(err, ErrDiskFull):
					refused++
				default:
					t.Fatal(err)
				}
			case 4, 5, 6:
				if len(rooms) == 0 {
					continue
				}
				i := rng.IntN(len(rooms))
				room := &rooms[i]
				for payload := int(room.left) - frame.HeaderSize; payload >= 0; payload = int(room.left) - frame.HeaderSize {
					if rng.IntN(2) == 0 {
						payload = rng.IntN(payload + 1)
					}
					if _, err := room.Append(1, nil, payloadOf(payload)); err != nil {
						t.Fatalf("seed %d: %d bytes of a reservation: %v", seed, payload, err)
					}
					spent++
					n++
					if rng.IntN(3) == 0 {
						break
					}
				}
				room.Release()
				rooms = append(rooms[:i], rooms[i+1:]...)
			case 7:
				_, err := l.TryAppend(mode(), 1, nil, payloadOf(size()))
				switch {
				case err == nil:
					n++
				case errors.Is(err, ErrDiskFull):
					full++
				case !errors.Is(err, ErrBusy):
					t.Fatal(err)
				}
			case 8:
				l.prepareNext()
				_, _, _, err := l.tryRotate()
				if err != nil && err != ErrBusy && !errors.Is(err, ErrDiskFull) {
					t.Fatal(err)
				}
			case 9:
				_, err := l.Tick()
				check(t, err)
				if rng.IntN(20) == 0 {
					fsys.SetCapacity(0)
				}
			}
			kept()
		}
		for i := range rooms {
			rooms[i].Release()
		}
		if s := l.Stats(); s.Reserved != 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
		check(t, l.Close())
		l = nil
		l, got, _ := reopen(t, o)
		if len(got) != n {
			t.Errorf("seed %d: %d frames, want %d", seed, len(got), n)
		}
		check(t, l.Close())
	}
	if spent < 1000 || refused < 1000 || full == 0 {
		t.Errorf("%d frames of reservations, %d refused, %d for want of space", spent, refused, full)
	}
}

// TestMarkerFollowsARelease: an idle log ends with a marker also if a reservation
// left no room for it when the log became idle.
func TestMarkerFollowsARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.FileBytes, o.QueueBytes, o.DiskSync = 16<<10, 1<<20, time.Second })
		_, err := add(l, payloadOf(2000), l.WaitSynced)
		check(t, err)
		room := reserveNow(t, l, 15_000, 0) // more than is left of the file
		time.Sleep(10 * time.Second)
		if n := l.Stats().Frames; n != 1 {
			t.Fatalf("%d frames beside the reservation", n)
		}
		room.Release()
		time.Sleep(10 * time.Second)
		if n := l.Stats().Frames; n != 2 {
			t.Errorf("%d frames after the release, want the marker, too", n)
		}
		check(t, l.Close())
	})
}
