package eventloop

import "time"

// Hot is when a connection is worth a place in a loop: it sends one brief request after
// the other.
type Hot struct {
	After       int           // how many brief requests of one kind in a row make a connection hot
	Within      time.Duration // how soon after one another they must come
	MostPenalty int           // bounds how many more are asked for after it had to leave
}

// UsuallyHot is what servers begin with.
var UsuallyHot = Hot{After: 8, Within: 20 * time.Millisecond, MostPenalty: 1 << 12}

// Heat is how close a connection is to being hot. It belongs to whoever serves the
// connection: its goroutine, or its loop.
type Heat struct {
	Kind    Kind      // of the last brief request
	streak  int       // brief requests of the kind in a row; negative after a penalty
	penalty int       // the last one
	last    time.Time // of the last Next
}

// Next notes when the next request is waited for, or comes.
func (h *Heat) Next(hot *Hot, now time.Time) {
	if now.Sub(h.last) > hot.Within {
		h.Other()
	}
	h.last = now
}

// Brief notes a brief request.
func (h *Heat) Brief(kind Kind) {
	if kind != h.Kind {
		h.Kind = kind
		h.Other()
	}
	h.streak++
}

// Other notes a request that is not brief, or that the connection has no place in a loop
// at the moment.
func (h *Heat) Other() { h.streak = min(h.streak, 0) }

// Punish notes that the connection had to leave its loop for something that does not
// belong there.
func (h *Heat) Punish(hot *Hot) {
	h.penalty = min(2*h.penalty+hot.After, hot.MostPenalty)
	h.streak = -h.penalty
}

// Is reports whether the connection is hot.
func (h *Heat) Is(hot *Hot) bool { return h.streak >= hot.After }
