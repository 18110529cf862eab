package call

import (
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/wire"
)

// Begin begins a call of a route. It must be ended with end.
func (b *Bounds) Begin(w http.ResponseWriter, r *http.Request, rt *Route) *Call {
	c := calls.Get().(*Call)
	c.bounds, c.Writer, c.Request, c.Route, c.Start = b, w, r, rt, time.Now()
	b.Sharing.apply(r, w.Header())
	return c
}

// On sets the connection that the call came on, nil in tests without one.
func (c *Call) On(conn *conns.Conn, standing conns.Standing) {
	c.conn = conn
	if standing == conns.Extra {
		c.extra, c.hangUp = true, true
	}
}

// Identify sets whose call it is.
func (c *Call) Identify(key *auth.Key) {
	c.Key = key
	c.account = c.bounds.ring.Load().sharer(key)
}

// Admit is nil if the call may be served: what its key may do comes first, then
// whether the server serves at all, which gate has to say for routes that need the
// engine, and whether there is room for one more. param is the name of what is in
// the path.
func (c *Call) Admit(param string, gate func(*Call) error) error {
	if c.cover() != nil {
		c.LetGo() // smaller buffers may do
	}
	if err := c.permit(param); err != nil {
		return err
	}
	if err := c.takeLook(); err != nil {
		return err
	}
	if err := c.takeConnection(); err != nil {
		return err
	}
	if c.Route.Kind.Gated() {
		if err := gate(c); err != nil {
			return err
		}
	}
	if err := c.takePlace(); err != nil {
		return err
	}
	if err := c.takeRequest(); err != nil {
		return err
	}
	if c.Route.Kind.confirmed() {
		if err := c.confirm(); err != nil {
			return err
		}
	}
	return c.enter()
}

// enter puts the call in the list of those in progress, and reads what its query has
// beside what its handler reads.
func (c *Call) enter() error {
	kind := c.Route.Kind
	if kind == Probe || kind == Page {
		return nil
	}
	if kind != Streaming {
		c.bounds.Underway.enter(c)
	}
	if c.Route.Pattern == Unmatched {
		return nil // there is no route whose parameters the query could have
	}
	return c.checkQuery()
}

// takeConnection makes sure that there is room for the call's connection. One
// beyond the bound ends after its answer, and is for probes and operators.
func (c *Call) takeConnection() error {
	if kind := c.Route.Kind; !c.extra || kind != Data && kind != Streaming {
		return nil
	}
	if !c.conn.Claim() {
		return CapReached("max_connections", int64(c.bounds.conns.Stats().Bound), "connections, all of them at work")
	}
	c.hangUp = false
	return nil
}

// Conclude sends the answer and gives back the call's slots. closing ends the
// connection after it. early reports that the answer was sent before the body had
// been read.
func (c *Call) Conclude(closing bool) (early bool) {
	c.coverAnswer()
	c.hangUp = c.hangUp || closing
	early = c.hasRest()
	if early {
		c.sendEarly()
	}
	c.finish(c.encode())
	c.takeBack()
	c.GiveSlots()
	return early
}

// coverAnswer has what the answer takes until it is written counted, and refuses
// the call if there is no room for that. What the request took goes back. A
// call that did something is refused only if that can be taken back: its answer would
// say that it was not done. Such calls take the memory for their answer beforehand.
func (c *Call) coverAnswer() {
	c.In = Keep(c.In, keepBuffer)
	if err := c.cover(); err != nil && (!c.Route.Acts() || c.Undo != nil) {
		c.LetGo()
		c.Give()
		c.Refuse(wire.ErrorOf(err))
	}
}

// Settle gives back the call's memory, after the rest of its body has come if it was
// answered early.
func (c *Call) Settle(early bool) {
	if early {
		c.LetGo()
		c.Give()
		c.takeRest()
	}
	c.Give()
	c.leavePlace()
}

// End recycles the call, which must not be used any more. If its connection is to be
// cut, it panics with http.ErrAbortHandler.
func (c *Call) End() {
	c.bounds.Underway.leave(c)
	cut := c.cut
	c.recycle()
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// Aside returns a call of a route for something that this call does beside others. It
// is in the list of those in progress until leave.
func (c *Call) Aside(rt *Route, topic string, began time.Time) *Call {
	listed := &Call{bounds: c.bounds, Request: c.Request, Route: rt, Key: c.Key, Topic: topic, Start: began}
	listed.bounds.Underway.enter(listed)
	return listed
}

// Leave removes what aside returned from the list of those in progress.
func (c *Call) Leave() { c.bounds.Underway.leave(c) }
