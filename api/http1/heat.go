package http1

import (
	"time"

	"github.com/e6e95bb8/topics/api/eventloop"
)

// Hot is when a connection gets a place in a loop: it sends one brief request after the
// other.
type Hot struct {
	After       int           // how many brief requests in a row make a connection hot
	Within      time.Duration // how soon after one another they must come
	MostPenalty int           // bounds how many more are asked for after it had to leave
}

// usuallyHot is Server.Hot of New.
var usuallyHot = Hot{After: 8, Within: 20 * time.Millisecond, MostPenalty: 1 << 12}

// heat is whether a connection is worth a place in a loop.
type heat struct {
	kind    eventloop.Kind // of the last brief request
	streak  int            // brief requests of the kind in a row; negative after a penalty
	penalty int            // the last one
	asked   time.Time      // when the wait for the last request began
}

// waits notes when the wait for a request begins. Before it, the request is noted with
// brief, if it was one.
func (c *conn) waits(now time.Time) {
	h := &c.heat
	if now.Sub(h.asked) > c.server.Hot.Within {
		h.streak = min(h.streak, 0)
	}
	h.asked = now
}

// brief notes a brief request.
func (h *heat) brief(kind eventloop.Kind) {
	if kind != h.kind {
		h.kind, h.streak = kind, min(h.streak, 0)
	}
	h.streak++
}

// other notes a request that is not brief.
func (h *heat) other() { h.streak = min(h.streak, 0) }

// punish notes that the connection had to leave its loop for a request that does not
// belong there.
func (c *conn) punish() {
	hot, h := &c.server.Hot, &c.heat
	h.penalty = min(2*h.penalty+hot.After, hot.MostPenalty)
	h.streak = -h.penalty
}

func (c *conn) hot() bool { return c.heat.streak >= c.server.Hot.After }
