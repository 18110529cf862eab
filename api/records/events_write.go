package records

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/cloudevent"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Bounds of what one batch of events has on its way to the log.
const (
	eventsUnderWay     = 64
	eventBytesUnderWay = 4 << 20
)

// WriteEvents appends the events of a request, each as a write of its own: the
// source and the id of each are its idempotency key. So a batch is not atomic, but
// may be sent again as a whole or in part.
func (h *Handlers) WriteEvents(c *call.Call) error {
	seqs, err := c.TopicFlag("return_seqs", true)
	if err != nil {
		return err
	}
	mode, err := cloudevent.ModeOf(c.Request.Header)
	if err != nil {
		return err
	}
	body, err := c.BodyOf(cloudevent.NeedType)
	if err != nil {
		return err
	}
	events, err := h.decodeEvents(c, mode, body)
	if err != nil {
		return err
	}
	if err := c.MayWrite(c.Topic, new(topic.Write)); err != nil {
		return err
	}
	done, err := h.appendEvents(c, events)
	if err != nil {
		return err
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	writeAppended(c, done, seqs)
	c.Status = http.StatusAccepted
	return nil
}

const (
	// eventCost is about the memory of a decoded event, its key and its answer.
	eventCost = 512
	// leastEvent is the size of the shortest event, or less.
	leastEvent = 50
)

// decodeEvents decodes the body, and takes the memory for what is made of it.
func (h *Handlers) decodeEvents(c *call.Call, mode cloudevent.Mode, body []byte) (events []cloudevent.Event, err error) {
	made := 0
	if mode == cloudevent.Binary {
		made = cloudevent.BinarySize(c.Request.Header, body)
		if err := c.Take(call.BeyondFirst(made)); err != nil {
			return nil, err
		}
	}
	l := h.Limits
	switch mode {
	case cloudevent.One:
		events, err = cloudevent.DecodeOne(body, l)
	case cloudevent.Batch:
		if err := c.Take(call.BeyondFirst(eventCost * min(l.MaxBatchRecords, len(body)/leastEvent+1))); err != nil {
			return nil, err
		}
		events, err = cloudevent.DecodeBatch(body, l)
	default:
		events, err = cloudevent.DecodeBinary(c.Request.Header, body, l)
	}
	if err != nil {
		return nil, err
	}
	// For the copies in frames that are on their way.
	return events, c.Take(call.BeyondFirst(min(max(made, len(body)), eventBytesUnderWay+l.MaxRecordBytes)))
}

// landing is an event on its way into the log.
type landing struct {
	pending *topic.Pending
	bytes   int64 // set aside under the cap on all that is live
	size    int
}

// landings is the events of a request on their way, in their order.
type landings struct {
	handlers *Handlers
	line     []landing
	size     int             // of what is in line
	landed   []topic.Written // before those in line
}

// appendEvents appends events in their order. If one fails, those before it stay.
func (h *Handlers) appendEvents(c *call.Call, events []cloudevent.Event) (*topic.Written, error) {
	l := &landings{handlers: h}
	err := l.enter(c, events)
	for len(l.line) > 0 {
		failed := l.land()
		if err == nil {
			err = failed
		}
	}
	switch {
	case err != nil:
		return nil, wire.Partly(err, "written", int64(len(l.landed)))
	case len(events) == 1:
		return &l.landed[0], nil
	}
	return combine(l.landed), nil
}

// enter gives each event its place, and has those before land where there are too
// many.
func (l *landings) enter(c *call.Call, events []cloudevent.Event) error {
	engine := l.handlers.Engine()
	for i := range events {
		for len(l.line) > 0 && (len(l.line) == eventsUnderWay || l.size > eventBytesUnderWay) {
			if err := l.land(); err != nil {
				return err
			}
		}
		w := &topic.Write{Records: []record.Record{events[i].Record()}, IdempotencyKey: events[i].Key()}
		held, err := l.handlers.Bounds.TakeBytes(engine, c.Topic, w)
		if err != nil {
			return err
		}
		pending, err := engine.Begin(c.Request.Context(), c.Topic, w)
		if err != nil {
			l.handlers.Bounds.GiveBytes(held)
			return err
		}
		l.line = append(l.line, landing{pending, held, len(events[i].JSON)})
		l.size += len(events[i].JSON)
	}
	return nil
}

// land waits for the first event in line.
func (l *landings) land() error {
	first := l.line[0]
	l.line, l.size = l.line[1:], l.size-first.size
	w, err := first.pending.Wait()
	l.handlers.Bounds.GiveBytes(first.bytes)
	if err != nil {
		return err
	}
	l.landed = append(l.landed, w)
	return nil
}

// combine makes one answer of those of several events. Its first and last seqs are
// of those that were appended, or of all if none was.
func combine(each []topic.Written) *topic.Written {
	out := &topic.Written{Count: len(each), Deduped: true, Unique: new(topic.UniqueSeqs)}
	for i := range each {
		w := &each[i]
		out.Unique.Seqs = append(out.Unique.Seqs, w.First)
		if w.Deduped {
			out.Unique.Deduped = append(out.Unique.Deduped, w.First)
		} else {
			out.First, out.Last = cmp.Or(out.First, w.First), w.Last
		}
		out.Head = max(out.Head, w.Head)
		out.Created = out.Created || w.Created
		out.Deduped = out.Deduped && w.Deduped
		out.Cost.Append += w.Cost.Append
		out.Cost.Sync += w.Cost.Sync
		out.Cost.Throttle += w.Cost.Throttle
	}
	if out.Deduped {
		out.First, out.Last = slices.Min(out.Unique.Seqs), slices.Max(out.Unique.Seqs)
	}
	return out
}
