package queues

import (
	"context"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
)

// ClaimCost is about what a claim that waits holds, in bytes. It is of the
// memory for streams, because it waits like one.
const ClaimCost = 16 << 10

// Claim delivers jobs to a worker, and waits for some if the body says so.
func (h *Handlers) Claim(c *call.Call) error {
	r, _, err := h.read(c, ClaimFields)
	if err != nil {
		return err
	}
	done, err := h.awaitJobs(c, r.Claim(h.Limits))
	if err != nil {
		return err
	}
	engine := h.Engine()
	// Until the answer is with the client the jobs may have to go back.
	c.Undo = func() { engine.GiveBack(c.Topic, done) }
	if len(done.Jobs) == 0 {
		c.Undo = nil
	}
	if err := c.Request.Context().Err(); err != nil {
		return wire.ClientGone(err)
	}
	if n := int64(SizeOfJobs(done.Jobs)); n > call.FirstRead {
		if err := c.Take(n); err != nil {
			return err
		}
		c.Out = slices.Grow(c.Out[:0], int(n))
	}
	if len(done.Jobs) > 0 {
		h.Metrics.ObserveClaim(time.Since(c.Start).Seconds())
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	c.Out = AppendClaimed(append(c.Out[:0], '{'), c.Topic, done)
	c.AnswerMembers()
	return nil
}

// awaitJobs claims. A claim that waits holds neither its body nor the slot of a
// request under way; the memory that it does hold is taken for as long.
func (h *Handlers) awaitJobs(c *call.Call, claim *jobs.Claim) (*jobs.Claimed, error) {
	engine := h.Engine()
	c.Patient()
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(h.Serving, cancel)()
	if claim.WaitMS == 0 {
		return engine.Claim(ctx, c.Topic, claim)
	}
	c.In = call.Keep(c.In, 0)
	release, err := c.TakeFollowing(ClaimCost)
	if err != nil {
		return nil, err
	}
	defer release()
	defer c.LendSlot()()
	end := c.Await(cancel)
	done, err := engine.Claim(ctx, c.Topic, claim)
	if cancelled := end(); cancelled != nil {
		if err == nil && len(done.Jobs) > 0 {
			engine.GiveBack(c.Topic, done)
		}
		return nil, cancelled
	}
	return done, err
}
