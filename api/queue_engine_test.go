package api

import (
	"context"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// The memEngine has queues without jobs.

func (e *memEngine) Claim(context.Context, string, *jobs.Claim) (*jobs.Claimed, error) {
	return new(jobs.Claimed), nil
}

func (e *memEngine) Work(string, *jobs.Claim) (*jobs.Worker, error) {
	return nil, kindError(record.KindNotQueue, "the topic is a log")
}

func (e *memEngine) Ack(context.Context, string, queue.Call, []jobs.Then) (*jobs.Result, error) {
	return new(jobs.Result), nil
}

func (e *memEngine) Nack(context.Context, string, queue.Call, queue.Return) (*jobs.Result, error) {
	return new(jobs.Result), nil
}

func (e *memEngine) Extend(context.Context, string, queue.Call, int64) (*jobs.Result, error) {
	return &jobs.Result{Deadlines: map[uint64]int64{}}, nil
}

func (e *memEngine) ReleaseJobs(context.Context, string, []uint64) (*jobs.Result, error) {
	return new(jobs.Result), nil
}

func (e *memEngine) PromoteJobs(context.Context, string, []uint64) (*jobs.Result, error) {
	return new(jobs.Result), nil
}

func (e *memEngine) Jobs(string, queue.State, uint64, int) (*jobs.Page, error) {
	return new(jobs.Page), nil
}

func (e *memEngine) DeadLetters(context.Context, string, *jobs.DeadQuery) (*jobs.DeadPage, error) {
	return new(jobs.DeadPage), nil
}

func (e *memEngine) ReplayDead(context.Context, string, *jobs.DeadSelection) (*jobs.DeadResult, error) {
	return new(jobs.DeadResult), nil
}

func (e *memEngine) PurgeDead(context.Context, string, *jobs.DeadSelection) (*jobs.DeadResult, error) {
	return new(jobs.DeadResult), nil
}

func (e *memEngine) PreviewDead(context.Context, string, *jobs.DeadSelection) (*jobs.DeadResult, error) {
	return new(jobs.DeadResult), nil
}

func (e *memEngine) StopDelivering() {}

func (e *memEngine) Time() queue.Time {
	return queue.Time{Mono: 1_700_000_000_000, Wall: 1_700_000_000_000}
}
