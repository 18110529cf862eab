package api

import (
	"context"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
)

// claimCost is about what a claim that waits holds, in bytes. It is of the
// memory for streams, because it waits like one.
const claimCost = 16 << 10

// claim delivers jobs to a worker, and waits for some if the body says so.
func (s *Server) claim(c *call) error {
	if err := c.checkTopic(); err != nil {
		return err
	}
	body, err := s.body(c)
	if err != nil {
		return err
	}
	r, err := decodeJobs(body, claimFields, &s.opts.Limits, &c.notices)
	if err != nil {
		return err
	}
	done, err := s.awaitJobs(c, r.claim(&s.opts.Limits))
	if err != nil {
		return err
	}
	engine := s.opened()
	// Until the answer is with the client the jobs may have to go back.
	c.undo = func() { engine.GiveBack(c.topic, done) }
	if len(done.Jobs) == 0 {
		c.undo = nil
	}
	if err := c.r.Context().Err(); err != nil {
		return wire.ClientGone(err)
	}
	if n := int64(sizeOfJobs(done.Jobs)); n > firstRead {
		if err := s.memory.take(c, n); err != nil {
			return err
		}
		c.out = slices.Grow(c.out[:0], int(n))
	}
	if len(done.Jobs) > 0 {
		s.metrics.ObserveClaim(time.Since(c.start).Seconds())
	}
	c.cost, c.costs = done.Cost, wire.CostWrite
	c.out = appendClaimed(append(c.out[:0], '{'), c.topic, done)
	c.answerMembers()
	return nil
}

// awaitJobs claims. A claim that waits holds neither its body nor the slot of a
// request under way; the memory that it does hold is taken for as long.
func (s *Server) awaitJobs(c *call, claim *jobs.Claim) (*jobs.Claimed, error) {
	engine := s.opened()
	c.patient()
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	if claim.WaitMS == 0 {
		return engine.Claim(ctx, c.topic, claim)
	}
	c.in = keep(c.in, 0)
	release, err := s.takeFollowing(c, claimCost)
	if err != nil {
		return nil, err
	}
	defer release()
	waiting := c.request
	if waiting != nil {
		waiting.give()
		c.request = nil
		// It has what it waited for: the answer counts, whatever the cap.
		defer func() { waiting.again(); c.request = waiting }()
	}
	end := c.await(cancel)
	done, err := engine.Claim(ctx, c.topic, claim)
	if cancelled := end(); cancelled != nil {
		if err == nil && len(done.Jobs) > 0 {
			engine.GiveBack(c.topic, done)
		}
		return nil, cancelled
	}
	return done, err
}

// again takes back a slot that was given back, whatever the number of those
// that are in use.
func (g *tally) again() { g.n.Add(1) }
