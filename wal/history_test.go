package wal

import (
	"bytes"
	"fmt"
)

// entry is one frame as it was appended, or as it was replayed.
type entry struct {
	span    Span
	typ     byte
	payload []byte
}

func (e entry) String() string {
	return fmt.Sprintf("[%d,%d) type %d %d bytes %x", e.span.Start, e.span.End, e.typ, len(e.payload),
		e.payload[:min(8, len(e.payload))])
}

// history is the oracle: the frames appended that may still be found, and how
// many of them must be.
type history struct {
	start   LSN     // what stands before is not replayed
	old     []entry // what stands before, oldest first
	frames  []entry
	written int // the first so many survive the process
	synced  int // the first so many survive the power
	rotated int // each time may have left a marker at the end, and a close after it another
}

// ackWritten notes that everything below upto was acknowledged as written.
func (h *history) ackWritten(upto LSN) { h.written = max(h.written, h.below(upto)) }

// ackSynced notes that everything below upto was acknowledged as durable.
func (h *history) ackSynced(upto LSN) {
	h.synced = max(h.synced, h.below(upto))
	h.ackWritten(upto)
}

func (h *history) below(upto LSN) int {
	n := len(h.frames)
	for n > 0 && h.frames[n-1].span.End > upto {
		n--
	}
	return n
}

// powerLost takes back what only promised to survive the process.
func (h *history) powerLost() { h.written = h.synced }

// check holds what a recovery found, and its end, to the promises.
func (h *history) check(found []entry, end LSN) error {
	if len(found) < h.written {
		return fmt.Errorf("lost: %d frames found, %d were acknowledged; the first missing is %v",
			len(found), h.written, h.frames[len(found)])
	}
	if len(found) > len(h.frames) {
		return fmt.Errorf("%d frames found of %d; the first too many is %v", len(found), len(h.frames), found[len(h.frames)])
	}
	last := h.start
	for i, f := range found {
		want := h.frames[i]
		if f.span != want.span || f.typ != want.typ || !bytes.Equal(f.payload, want.payload) {
			return fmt.Errorf("frame %d is %v, was %v", i, f, want)
		}
		last = f.span.End
	}
	if markers := (end - last) / markerSize; last+markers*markerSize != end || markers > LSN(2*h.rotated+1) {
		return fmt.Errorf("the log ends at %d, its last frame at %d", end, last)
	}
	return nil
}

// keep makes the frames found the only ones: the others can never be found again.
func (h *history) keep(n int) {
	h.frames = h.frames[:n:n]
	h.written, h.synced = min(h.written, n), min(h.synced, n)
}

// checkpoint moves the start, which is a frame boundary that was acknowledged
// as durable.
func (h *history) checkpoint(start LSN) {
	n := 0
	for n < len(h.frames) && h.frames[n].span.Start < start {
		n++
	}
	h.start, h.old = start, append(h.old, h.frames[:n]...)
	h.frames = h.frames[n:]
	h.written, h.synced = h.written-n, h.synced-n
}
