package api

import (
	"context"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// The memEngine has queues without jobs.

func (e *memEngine) Claim(context.Context, string, *topics.Claim) (*topics.Claimed, error) {
	return new(topics.Claimed), nil
}

func (e *memEngine) Work(string, *topics.Claim) (*topics.Worker, error) {
	return nil, kindError(record.KindNotQueue, "the topic is a log")
}

func (e *memEngine) Ack(context.Context, string, queue.Call, []topics.Then) (*topics.JobResult, error) {
	return new(topics.JobResult), nil
}

func (e *memEngine) Nack(context.Context, string, queue.Call, queue.Return) (*topics.JobResult, error) {
	return new(topics.JobResult), nil
}

func (e *memEngine) Extend(context.Context, string, queue.Call, int64) (*topics.JobResult, error) {
	return &topics.JobResult{Deadlines: map[uint64]int64{}}, nil
}

func (e *memEngine) ReleaseJobs(context.Context, string, []uint64) (*topics.JobResult, error) {
	return new(topics.JobResult), nil
}

func (e *memEngine) PromoteJobs(context.Context, string, []uint64) (*topics.JobResult, error) {
	return new(topics.JobResult), nil
}

func (e *memEngine) Jobs(string, queue.State, uint64, int) (*topics.JobPage, error) {
	return new(topics.JobPage), nil
}

func (e *memEngine) DeadLetters(context.Context, string, *topics.DeadQuery) (*topics.DeadPage, error) {
	return new(topics.DeadPage), nil
}

func (e *memEngine) ReplayDead(context.Context, string, *topics.DeadSelection) (*topics.DeadResult, error) {
	return new(topics.DeadResult), nil
}

func (e *memEngine) PurgeDead(context.Context, string, *topics.DeadSelection) (*topics.DeadResult, error) {
	return new(topics.DeadResult), nil
}

func (e *memEngine) PreviewDead(context.Context, string, *topics.DeadSelection) (*topics.DeadResult, error) {
	return new(topics.DeadResult), nil
}

func (e *memEngine) StopDelivering() {}

func (e *memEngine) Time() queue.Time {
	return queue.Time{Mono: 1_700_000_000_000, Wall: 1_700_000_000_000}
}
