package api

import (
	"context"
	"fmt"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
)

// jobCall is one kind of call on jobs that only names them. Acks have more to do;
// see carryOutAck.
type jobCall struct {
	verb   string   // the member of the answer that counts what it did
	fields []string // that its body may have
	do     func(ctx context.Context, e queueEngine, r *jobRequest) (*jobs.Result, error)
}

var (
	nackCall = jobCall{"nacked", nackFields, func(ctx context.Context, e queueEngine, r *jobRequest) (*jobs.Result, error) {
		return e.Nack(ctx, r.topic, r.call(), r.back)
	}}
	extendCall = jobCall{"extended", extendFields, func(ctx context.Context, e queueEngine, r *jobRequest) (*jobs.Result, error) {
		return e.Extend(ctx, r.topic, r.call(), r.leaseMS)
	}}
	releaseCall = jobCall{"released", releaseFields, func(ctx context.Context, e queueEngine, r *jobRequest) (*jobs.Result, error) {
		return e.ReleaseJobs(ctx, r.topic, r.seqs)
	}}
	promoteCall = jobCall{"promoted", releaseFields, func(ctx context.Context, e queueEngine, r *jobRequest) (*jobs.Result, error) {
		return e.PromoteJobs(ctx, r.topic, r.seqs)
	}}
)

// carryOut carries out a call, whichever way it came.
func (k *jobCall) carryOut(ctx context.Context, e queueEngine, r *jobRequest) (*jobAnswer, error) {
	done, err := k.do(ctx, e, r)
	if err != nil {
		return nil, err
	}
	return &jobAnswer{verb: k.verb, topic: r.topic, result: done}, nil
}

func (h *queueRoutes) nack(c *call.Call) error    { return h.jobs(c, &nackCall) }
func (h *queueRoutes) extend(c *call.Call) error  { return h.jobs(c, &extendCall) }
func (h *queueRoutes) release(c *call.Call) error { return h.jobs(c, &releaseCall) }
func (h *queueRoutes) promote(c *call.Call) error { return h.jobs(c, &promoteCall) }

func (h *queueRoutes) jobs(c *call.Call, what *jobCall) error {
	r, _, err := h.jobRequest(c, what.fields)
	if err != nil {
		return err
	}
	answer, err := what.carryOut(c.Request.Context(), h.engine(), r)
	if err != nil {
		return err
	}
	answerJobs(c, answer)
	return nil
}

// ack ends jobs, and makes the writes that the body has with them.
func (h *queueRoutes) ack(c *call.Call) error {
	r, size, err := h.jobRequest(c, ackFields)
	if err != nil {
		return err
	}
	c.Configures = r.configures()
	answer, err := h.carryOutAck(c.Request.Context(), c, &ackRequest{r, size, &c.Notices})
	if err != nil {
		return err
	}
	answerJobs(c, answer)
	return nil
}

// jobRequest reads the body of a call on jobs and its size.
func (h *queueRoutes) jobRequest(c *call.Call, known []string) (r *jobRequest, size int, err error) {
	if err := c.CheckTopic(); err != nil {
		return nil, 0, err
	}
	body, err := c.Body()
	if err != nil {
		return nil, 0, err
	}
	r, err = decodeJobs(body, known, h.limits, &c.Notices)
	if err != nil {
		return nil, 0, err
	}
	r.topic = c.Topic
	return r, len(body), nil
}

func answerJobs(c *call.Call, a *jobAnswer) {
	c.Cost, c.Costs = a.result.Cost, wire.CostWrite
	c.Out = a.append(append(c.Out[:0], '{'))
	c.AnswerMembers()
}

// ackRequest is an ack, whichever way it came.
type ackRequest struct {
	*jobRequest
	size  int // of its body
	notes *wire.Notices
}

// mayThen checks a write that an ack brings, and reads what it says of jobs.
func (h *queueRoutes) mayThen(c *call.Call, t *thenRequest, i int, notes *wire.Notices) error {
	if err := c.MayWrite(t.topic, &t.write.Write); err != nil {
		return err
	}
	return readJobs(h.engine(), t.topic, t.write, notes, fmt.Sprintf("then[%d].", i))
}

// carryOutAck acks. What its writes take is counted like that of other writes.
func (h *queueRoutes) carryOutAck(ctx context.Context, c *call.Call, r *ackRequest) (*jobAnswer, error) {
	engine := h.engine()
	then := make([]jobs.Then, len(r.then))
	answer := &jobAnswer{verb: "acked", topic: r.topic}
	var writes []*request.WriteRequest
	for i := range r.then {
		t := &r.then[i]
		if err := h.mayThen(c, t, i, r.notes); err != nil {
			return nil, err
		}
		then[i] = jobs.Then{Topic: t.topic, Write: &t.write.Write}
		answer.then = append(answer.then, t.topic)
		writes = append(writes, t.write)
	}
	if len(writes) > 0 {
		if err := c.TakeFrame(r.size, writes...); err != nil {
			return nil, err
		}
	}
	for i := range then {
		held, err := h.bounds.TakeBytes(engine, then[i].Topic, then[i].Write)
		if err != nil {
			return nil, err
		}
		defer h.bounds.GiveBytes(held)
	}
	var err error
	answer.result, err = engine.Ack(ctx, r.topic, r.call(), then)
	if err != nil {
		return nil, err
	}
	for i := range then {
		if answer.result.Then[i].Created && then[i].Write.Config != nil {
			noteMade(engine, then[i].Topic, r.notes)
		}
	}
	return answer, nil
}
