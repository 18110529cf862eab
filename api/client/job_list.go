package client

import (
	"context"
	"iter"
	"net/url"
)

// States of a job, as the queue lists them.
const (
	JobReady    = "ready"
	JobBlocked  = "blocked" // waits for an older job of its group
	JobDelayed  = "delayed"
	JobInFlight = "in_flight"
)

// ListedJob is a job as it appears in a list. Times are in Unix ms, by the
// server's clock; those that a state has not are 0.
type ListedJob struct {
	Seq        uint64 `json:"$seq"`
	State      string `json:"state"`
	Deliveries int    `json:"deliveries"`
	Group      string `json:"$group,omitempty"`
	UniqueKey  string `json:"$unique_key,omitempty"`
	Priority   int    `json:"$priority,omitempty"`
	Node       string `json:"node,omitempty"`     // JobInFlight: who holds it
	Lease      string `json:"lease_id,omitempty"` // of InFlight only
	Deadline   int64  `json:"deadline,omitempty"` // JobInFlight: when the lease ends
	Due        int64  `json:"due,omitempty"`      // JobDelayed
	Since      int64  `json:"since,omitempty"`    // JobReady and JobBlocked: since when
}

// Jobs yields the jobs of a queue that are in a state, in order of seq. It
// fetches them page by page and ends at the first error.
func (c *Client) Jobs(ctx context.Context, queue, state string) iter.Seq2[ListedJob, error] {
	return jobPages(ctx, c, topicPath(queue)+"/jobs", url.Values{"state": {state}})
}

// InFlight yields who holds which job until when, with the leases, in order of
// seq. It needs the scope of an administrator. It fetches the jobs page by page
// and ends at the first error.
func (c *Client) InFlight(ctx context.Context, queue string) iter.Seq2[ListedJob, error] {
	return jobPages(ctx, c, topicPath(queue)+"/inflight", url.Values{})
}

func jobPages(ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[ListedJob, error] {
	query.Set("limit", listPage)
	return pages(ctx, c, path, query, func(p *jobPage) ([]ListedJob, string) { return p.Jobs, p.Next })
}

type jobPage struct {
	Jobs []ListedJob `json:"jobs"`
	Next string      `json:"next_cursor"`
}

// Release takes jobs away from who holds them: they can be delivered again at
// once, and the deliveries do not count. It needs the scope of an administrator.
func (c *Client) Release(ctx context.Context, queue string, seqs ...uint64) (*Settled, error) {
	return c.settle(ctx, queue, "release", &settleRequest{Seqs: append([]uint64{}, seqs...)})
}

// Promote makes delayed jobs due now, also those that wait after a failure.
func (c *Client) Promote(ctx context.Context, queue string, seqs ...uint64) (*Settled, error) {
	return c.settle(ctx, queue, "promote", &settleRequest{Seqs: append([]uint64{}, seqs...)})
}
