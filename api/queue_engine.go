package api

import (
	"context"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics"
)

// Queues is what the routes of queues need. Those that
// name a topic which is a log fail with KindNotQueue.
type Queues interface {
	// Claim waits for jobs. If ctx ends first, or the queues are closed, it
	// returns none.
	Claim(ctx context.Context, name string, c *topics.Claim) (*topics.Claimed, error)
	// GiveBack returns what a claim got and its client did not: the deliveries
	// do not count.
	GiveBack(name string, c *topics.Claimed)
	Work(name string, c *topics.Claim) (*topics.Worker, error)

	Ack(ctx context.Context, name string, call queue.Call, then []topics.Then) (*topics.JobResult, error)
	Nack(ctx context.Context, name string, call queue.Call, r queue.Return) (*topics.JobResult, error)
	Extend(ctx context.Context, name string, call queue.Call, leaseMS int64) (*topics.JobResult, error)
	ReleaseJobs(ctx context.Context, name string, seqs []uint64) (*topics.JobResult, error)
	PromoteJobs(ctx context.Context, name string, seqs []uint64) (*topics.JobResult, error)
	Jobs(name string, state queue.State, after uint64, limit int) (*topics.JobPage, error)

	DeadLetters(ctx context.Context, name string, q *topics.DeadQuery) (*topics.DeadPage, error)
	ReplayDead(ctx context.Context, name string, s *topics.DeadSelection) (*topics.DeadResult, error)
	PurgeDead(ctx context.Context, name string, s *topics.DeadSelection) (*topics.DeadResult, error)
	PreviewDead(ctx context.Context, name string, s *topics.DeadSelection) (*topics.DeadResult, error)

	// StopDelivering answers all claims that wait, and delivers nothing any more.
	StopDelivering()

	// Time is the time that delays count from.
	Time() queue.Time
}
