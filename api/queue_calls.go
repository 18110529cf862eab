package api

import (
	"context"
	"fmt"
	"slices"

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

func (s *Server) nack(c *call) error    { return s.jobs(c, &nackCall) }
func (s *Server) extend(c *call) error  { return s.jobs(c, &extendCall) }
func (s *Server) release(c *call) error { return s.jobs(c, &releaseCall) }
func (s *Server) promote(c *call) error { return s.jobs(c, &promoteCall) }

func (s *Server) jobs(c *call, what *jobCall) error {
	r, _, err := s.jobRequest(c, what.fields)
	if err != nil {
		return err
	}
	done, err := what.do(c.r.Context(), s.opened(), c.topic, r)
	if err != nil {
		return err
	}
	c.answerJobs(&jobAnswer{verb: what.verb, topic: c.topic, result: done})
	return nil
}

// ack ends jobs, and makes the writes that the body has with them.
func (s *Server) ack(c *call) error {
	r, size, err := s.jobRequest(c, ackFields)
	if err != nil {
		return err
	}
	c.configures = r.configures()
	answer, err := s.doAck(c.r.Context(), c, &ackRequest{r, c.topic, size, &c.notices})
	if err != nil {
		return err
	}
	c.answerJobs(answer)
	return nil
}

// jobRequest reads the body of a call on jobs and its size.
func (s *Server) jobRequest(c *call, known []string) (r *jobRequest, size int, err error) {
	if err := c.checkTopic(); err != nil {
		return nil, 0, err
	}
	body, err := s.body(c)
	if err != nil {
		return nil, 0, err
	}
	r, err = decodeJobs(body, known, &s.opts.Limits, &c.notices)
	return r, len(body), err
}

func (c *call) answerJobs(a *jobAnswer) {
	c.cost, c.costs = a.result.Cost, wire.CostWrite
	c.out = a.append(append(c.out[:0], '{'))
	c.answerMembers()
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
func (s *Server) mayThen(c *call, t *thenRequest, i int, notes *wire.Notices) error {
	if err := c.mayWrite(t.topic, &t.write.Write); err != nil {
		return err
	}
	return readJobs(s.opened(), t.topic, t.write, notes, fmt.Sprintf("then[%d].", i))
}

// doAck acks. What its writes take is counted like that of other writes.
func (s *Server) doAck(ctx context.Context, c *call, r *ackRequest) (*jobAnswer, error) {
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
		if err := s.takeFrame(c, r.size, writes...); err != nil {
			return nil, err
		}
	}
	for i := range then {
		held, err := s.takeBytes(engine, then[i].Topic, then[i].Write)
		if err != nil {
			return nil, err
		}
		defer s.giveBytes(held)
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
