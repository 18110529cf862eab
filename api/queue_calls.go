package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
)

// jobCall is what one kind of call on jobs needs and does.
type jobCall struct {
	verb   string   // the member of the answer that counts what it did
	fields []string // that its body may have
	do     func(ctx context.Context, e Engine, topic string, r *jobRequest) (*jobs.Result, error)
}

// The calls on jobs. Acks have more to do; see doAck.
var (
	nackCall = jobCall{"nacked", nackFields, func(ctx context.Context, e Engine, topic string, r *jobRequest) (*jobs.Result, error) {
		return e.Nack(ctx, topic, r.call(), r.back)
	}}
	extendCall = jobCall{"extended", extendFields, func(ctx context.Context, e Engine, topic string, r *jobRequest) (*jobs.Result, error) {
		return e.Extend(ctx, topic, r.call(), r.leaseMS)
	}}
	releaseCall = jobCall{"released", releaseFields, func(ctx context.Context, e Engine, topic string, r *jobRequest) (*jobs.Result, error) {
		return e.ReleaseJobs(ctx, topic, r.seqs)
	}}
	promoteCall = jobCall{"promoted", releaseFields, func(ctx context.Context, e Engine, topic string, r *jobRequest) (*jobs.Result, error) {
		return e.PromoteJobs(ctx, topic, r.seqs)
	}}
)

func (s *Server) nack(c *call.Call) error    { return s.jobs(c, &nackCall) }
func (s *Server) extend(c *call.Call) error  { return s.jobs(c, &extendCall) }
func (s *Server) release(c *call.Call) error { return s.jobs(c, &releaseCall) }
func (s *Server) promote(c *call.Call) error { return s.jobs(c, &promoteCall) }

func (s *Server) jobs(c *call.Call, what *jobCall) error {
	r, _, err := s.jobRequest(c, what.fields)
	if err != nil {
		return err
	}
	done, err := what.do(c.Request.Context(), s.opened(), c.Topic, r)
	if err != nil {
		return err
	}
	answerJobs(c, &jobAnswer{verb: what.verb, topic: c.Topic, result: done})
	return nil
}

// ack ends jobs, and makes the writes that the body has with them.
func (s *Server) ack(c *call.Call) error {
	r, size, err := s.jobRequest(c, ackFields)
	if err != nil {
		return err
	}
	c.Configures = r.configures()
	answer, err := s.doAck(c.Request.Context(), c, &ackRequest{r, c.Topic, size, &c.Notices})
	if err != nil {
		return err
	}
	answerJobs(c, answer)
	return nil
}

// jobRequest reads the body of a call on jobs and its size.
func (s *Server) jobRequest(c *call.Call, known []string) (r *jobRequest, size int, err error) {
	if err := c.CheckTopic(); err != nil {
		return nil, 0, err
	}
	body, err := c.Body()
	if err != nil {
		return nil, 0, err
	}
	r, err = decodeJobs(body, known, &s.opts.Limits, &c.Notices)
	return r, len(body), err
}

func answerJobs(c *call.Call, a *jobAnswer) {
	c.Cost, c.Costs = a.result.Cost, wire.CostWrite
	c.Out = a.append(append(c.Out[:0], '{'))
	c.AnswerMembers()
}

// ackRequest is an ack, whichever way it came.
type ackRequest struct {
	*jobRequest
	topic string
	size  int // of its body
	notes *wire.Notices
}

// configures reports whether a write of an ack brings a config, which the audit
// trail has.
func (r *jobRequest) configures() bool {
	return slices.ContainsFunc(r.then, func(t thenRequest) bool { return t.write.Config != nil })
}

// mayThen checks a write that an ack brings, and reads what it says of jobs.
func (s *Server) mayThen(c *call.Call, t *thenRequest, i int, notes *wire.Notices) error {
	if err := c.MayWrite(t.topic, &t.write.Write); err != nil {
		return err
	}
	return readJobs(s.opened(), t.topic, t.write, notes, fmt.Sprintf("then[%d].", i))
}

// doAck acks. What its writes take is counted like that of other writes.
func (s *Server) doAck(ctx context.Context, c *call.Call, r *ackRequest) (*jobAnswer, error) {
	engine := s.opened()
	then := make([]jobs.Then, len(r.then))
	answer := &jobAnswer{verb: "acked", topic: r.topic}
	var writes []*request.WriteRequest
	for i := range r.then {
		t := &r.then[i]
		if err := s.mayThen(c, t, i, r.notes); err != nil {
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
		held, err := s.bounds.TakeBytes(engine, then[i].Topic, then[i].Write)
		if err != nil {
			return nil, err
		}
		defer s.bounds.GiveBytes(held)
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
