package queues

import (
	"context"
	"fmt"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
)

// Call is one kind of call on jobs that only names them. Acks have more to do;
// see Ack.
type Call struct {
	verb   string   // the member of the answer that counts what it did
	Fields []string // that its body may have
	do     func(ctx context.Context, e Engine, r *Request) (*jobs.Result, error)
}

// The calls on jobs.
var (
	NackCall = Call{"nacked", nackFields, func(ctx context.Context, e Engine, r *Request) (*jobs.Result, error) {
		return e.Nack(ctx, r.Topic, r.call(), r.back)
	}}
	ExtendCall = Call{"extended", extendFields, func(ctx context.Context, e Engine, r *Request) (*jobs.Result, error) {
		return e.Extend(ctx, r.Topic, r.call(), r.leaseMS)
	}}
	releaseCall = Call{"released", releaseFields, func(ctx context.Context, e Engine, r *Request) (*jobs.Result, error) {
		return e.ReleaseJobs(ctx, r.Topic, r.seqs)
	}}
	promoteCall = Call{"promoted", releaseFields, func(ctx context.Context, e Engine, r *Request) (*jobs.Result, error) {
		return e.PromoteJobs(ctx, r.Topic, r.seqs)
	}}
)

// CarryOut carries out a call, whichever way it came.
func (k *Call) CarryOut(ctx context.Context, e Engine, r *Request) (*Answer, error) {
	done, err := k.do(ctx, e, r)
	if err != nil {
		return nil, err
	}
	return &Answer{Verb: k.verb, topic: r.Topic, Result: done}, nil
}

// Nack gives jobs back, to be tried again or to be dead.
func (h *Handlers) Nack(c *call.Call) error { return h.carryOut(c, &NackCall) }

// Extend gives jobs other deadlines.
func (h *Handlers) Extend(c *call.Call) error { return h.carryOut(c, &ExtendCall) }

// Release takes jobs from whoever has them, for an administrator.
func (h *Handlers) Release(c *call.Call) error { return h.carryOut(c, &releaseCall) }

// Promote makes jobs that are delayed ready.
func (h *Handlers) Promote(c *call.Call) error { return h.carryOut(c, &promoteCall) }

func (h *Handlers) carryOut(c *call.Call, what *Call) error {
	r, _, err := h.read(c, what.Fields)
	if err != nil {
		return err
	}
	if err := c.Take(r.Room()); err != nil {
		return err
	}
	answer, err := what.CarryOut(c.Request.Context(), h.Engine(), r)
	if err != nil {
		return err
	}
	answer.send(c)
	return nil
}

// Ack ends jobs, and makes the writes that the body has with them.
func (h *Handlers) Ack(c *call.Call) error {
	r, size, err := h.read(c, AckFields)
	if err != nil {
		return err
	}
	c.Configures = r.Configures()
	if err := c.Take(r.Room()); err != nil {
		return err
	}
	answer, err := h.CarryOutAck(c.Request.Context(), c, &Ack{r, size, &c.Notices})
	if err != nil {
		return err
	}
	answer.send(c)
	return nil
}

// read reads the body of a call on jobs and its size.
func (h *Handlers) read(c *call.Call, known []string) (r *Request, size int, err error) {
	if err := c.CheckTopic(); err != nil {
		return nil, 0, err
	}
	body, err := c.Body()
	if err != nil {
		return nil, 0, err
	}
	r, err = Decode(body, known, h.Limits, &c.Notices)
	if err != nil {
		return nil, 0, err
	}
	r.Topic = c.Topic
	return r, len(body), nil
}

// send answers a call over HTTP.
func (a *Answer) send(c *call.Call) {
	c.Cost, c.Costs = a.Result.Cost, wire.CostWrite
	c.Out = a.Append(append(c.Out[:0], '{'))
	c.AnswerMembers()
}

// Ack is an ack, whichever way it came.
type Ack struct {
	*Request
	Size  int // of its body
	Notes *wire.Notices
}

// mayThen checks a write that an ack brings, and reads what it says of jobs.
func (h *Handlers) mayThen(c *call.Call, t *thenRequest, i int, notes *wire.Notices) error {
	if err := c.MayWrite(t.topic, &t.write.Write); err != nil {
		return err
	}
	return ReadJobs(h.Engine(), t.topic, t.write, notes, fmt.Sprintf("then[%d].", i))
}

// CarryOutAck acks. What its writes take is counted like that of other writes.
func (h *Handlers) CarryOutAck(ctx context.Context, c *call.Call, r *Ack) (*Answer, error) {
	engine := h.Engine()
	then := make([]jobs.Then, len(r.then))
	answer := &Answer{Verb: "acked", topic: r.Topic}
	var writes []*request.WriteRequest
	for i := range r.then {
		t := &r.then[i]
		if err := h.mayThen(c, t, i, r.Notes); err != nil {
			return nil, err
		}
		then[i] = jobs.Then{Topic: t.topic, Write: &t.write.Write}
		answer.then = append(answer.then, t.topic)
		writes = append(writes, t.write)
	}
	if len(writes) > 0 {
		if err := c.TakeFrame(r.Size, writes...); err != nil {
			return nil, err
		}
	}
	for i := range then {
		held, err := h.Bounds.TakeBytes(engine, then[i].Topic, then[i].Write)
		if err != nil {
			return nil, err
		}
		defer h.Bounds.GiveBytes(held)
	}
	var err error
	answer.Result, err = engine.Ack(ctx, r.Topic, r.call(), then)
	if err != nil {
		return nil, err
	}
	for i := range then {
		if answer.Result.Then[i].Created && then[i].Write.Config != nil {
			NoteMade(engine, then[i].Topic, r.Notes)
		}
	}
	return answer, nil
}
