package socket

import (
	"time"

	"github.com/e6e95bb8/topics/api/eventloop"
)

// Hot is when a client publishes so often that a loop serves its socket.
type Hot struct {
	After  int           // publishes in a row, each
	Within time.Duration // so soon after the one before
	// Penalty is how many more are asked for at most after a message that does not
	// belong in a loop.
	Penalty int
}

// heat is whether a socket is worth a place in a loop: a hot one publishes one record
// after the other, and does nothing else. It is the reader's, or of the loop for as
// long as the reader waits for that.
type heat struct {
	Hot
	kind    eventloop.Kind // of the last publish
	streak  int            // publishes of the kind in a row; negative after a penalty
	penalty int            // the last one
	last    time.Time
}

// publish notes a publish.
func (h *heat) publish(now time.Time, waits bool) {
	kind := eventloop.Quick
	if waits {
		kind = eventloop.Synced
	}
	if kind != h.kind || now.Sub(h.last) > h.Within {
		h.kind, h.streak = kind, min(h.streak, 0)
	}
	h.last = now
	h.streak++
}

// other notes a message that is no publish, or that no loop can serve the socket now.
func (h *heat) other() { h.streak = min(h.streak, 0) }

// punish notes that the socket had to leave its loop.
func (h *heat) punish() {
	h.penalty = min(2*h.penalty+h.After, h.Penalty)
	h.streak = -h.penalty
}

func (h *heat) hot() bool { return h.streak >= h.After }
