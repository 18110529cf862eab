package queues

import (
	"context"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Engine is what the handlers of queues ask for.
type Engine interface {
	Queues
	State(name string, touch bool) (topic.State, error)
	call.Payloads
}

// Queues is what clients do with queues. What names a topic that is a log fails with
// KindNotQueue.
type Queues interface {
	// Claim waits for jobs. If ctx ends first, or the queues are closed, it
	// returns none.
	Claim(ctx context.Context, name string, c *jobs.Claim) (*jobs.Claimed, error)
	// GiveBack returns what a claim got and its client did not: the deliveries
	// do not count.
	GiveBack(name string, c *jobs.Claimed)
	Work(name string, c *jobs.Claim) (*jobs.Worker, error)

	Ack(ctx context.Context, name string, call queue.Call, then []jobs.Then) (*jobs.Result, error)
	Nack(ctx context.Context, name string, call queue.Call, r queue.Return) (*jobs.Result, error)
	Extend(ctx context.Context, name string, call queue.Call, leaseMS int64) (*jobs.Result, error)
	ReleaseJobs(ctx context.Context, name string, seqs []uint64) (*jobs.Result, error)
	PromoteJobs(ctx context.Context, name string, seqs []uint64) (*jobs.Result, error)
	Jobs(name string, state queue.State, after uint64, limit int) (*jobs.Page, error)

	DeadLetters(ctx context.Context, name string, q *jobs.DeadQuery) (*jobs.DeadPage, error)
	ReplayDead(ctx context.Context, name string, s *jobs.DeadSelection) (*jobs.DeadResult, error)
	PurgeDead(ctx context.Context, name string, s *jobs.DeadSelection) (*jobs.DeadResult, error)
	PreviewDead(ctx context.Context, name string, s *jobs.DeadSelection) (*jobs.DeadResult, error)

	// StopDelivering answers all claims that wait, and delivers nothing any more.
	StopDelivering()

	// Time is the time that delays count from.
	Time() queue.Time
}
