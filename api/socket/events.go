package socket

import (
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/topics/topic"
)

// A group's events, as its session tells them: watch.Output. Each waits until
// the client has heard of the last subscribe, and is left out if that made it
// stale.

// recordHead stands in the place of the brace that a frame's body begins with.
var recordHead = []byte(`{"op":"record",`)

func (g *group) send(head, body []byte) error {
	o := &g.socket.out
	o.lock()
	defer o.mu.Unlock()
	if g.session.Stale() {
		return nil
	}
	return o.sendLocked(head, body)
}

// Records implements watch.Output.
func (g *group) Records(f *watch.Frame, last bool) error {
	err := g.send(recordHead, f.Body[1:])
	if err == nil && last {
		err = g.CaughtUp(f.Topic, f.To)
	}
	return err
}

// Tombstone implements watch.Output.
func (g *group) Tombstone(x string, t *topic.Tombstone, connect bool) error {
	b := appendTopic(beginMessage(nil, "tombstone", nil), x)
	b = append(b, `,"reason":`...)
	b = render.String(b, []byte(watch.Reason(t, connect)))
	b = appendSeq(b, "gap_from", t.GapFrom)
	b = appendSeq(b, "gap_to", t.GapTo)
	b = appendSeq(b, "missed_estimate", t.Missed)
	b = appendSeq(b, "missed_at_least", t.AtLeast)
	b = appendSeq(b, "earliest_seq", t.Earliest)
	b = appendSeq(b, "head_seq", t.Head)
	return g.send(append(b, '}'), nil)
}

// CaughtUp implements watch.Output.
func (g *group) CaughtUp(x string, head uint64) error {
	b := appendTopic(beginMessage(nil, "caught_up", nil), x)
	return g.send(append(appendSeq(b, "head_seq", head), '}'), nil)
}

// Deleted implements watch.Output.
func (g *group) Deleted(x string, head uint64, reason string) error {
	b := appendSeq(appendTopic(beginMessage(nil, "topic_deleted", nil), x), "head_seq", head)
	b = render.String(append(b, `,"reason":`...), []byte(reason))
	return g.send(append(b, '}'), nil)
}

// Failed implements watch.Output.
func (g *group) Failed(x string, err error) error {
	return g.send(errorMessage(nil, x, g.socket.explain(err)), nil)
}

// Idle implements watch.Output: a ping is the heartbeat.
func (g *group) Idle() error {
	g.socket.Wake()
	return nil
}
