package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Holding names jobs and who holds them.
type Holding struct {
	Node string
	Seqs []uint64
	// Leases has the lease of each of Seqs. If it is nil, the node is taken at its
	// word, also if it has lost a job and been given it again; such calls are not
	// retried after a failure whose outcome is unknown.
	Leases []string
}

// Hold returns the holding of jobs that a node was given.
func Hold(node string, jobs ...*Job) Holding {
	h := Holding{Node: node, Seqs: make([]uint64, len(jobs)), Leases: make([]string, len(jobs))}
	for i, j := range jobs {
		h.Seqs[i], h.Leases[i] = j.Seq, j.Lease
	}
	return h
}

// Reasons why a call skipped a job.
const (
	SkippedGone    = "gone"    // there is no such job any more: it was acked, moved, deleted or evicted
	SkippedExpired = "expired" // the lease is over
	SkippedHeld    = "held"    // another holds the job, or another call on it is under way
	SkippedUnknown = "unknown" // the job was not delivered, or never existed
)

// Settled is the answer to a call on jobs.
type Settled struct {
	Done    int      // jobs that the call changed
	Skipped []uint64 // the others, in order, each once
	// Reasons has the reason for each of Skipped.
	Reasons  map[uint64]string
	Ready    int64 // jobs that a claim could take now
	InFlight int64
	// Deadlines has the new deadline of each job that was extended, by the server's
	// clock, in Unix ms.
	Deadlines map[uint64]int64
	// Written has the answer to each write of Ack.
	Written []Written
}

// settledAnswer is what all calls on jobs answer. Each has its own name for the
// number of jobs that it changed.
type settledAnswer struct {
	Acked     *int              `json:"acked"`
	Nacked    *int              `json:"nacked"`
	Extended  *int              `json:"extended"`
	Released  *int              `json:"released"`
	Promoted  *int              `json:"promoted"`
	Skipped   []uint64          `json:"skipped"`
	Reasons   map[string]string `json:"reasons"`
	Ready     int64             `json:"ready"`
	InFlight  int64             `json:"in_flight"`
	Deadlines map[string]int64  `json:"deadlines"`
	Then      []Written         `json:"then"`
}

// decode implements decoder.
func (s *Settled) decode(body []byte) error {
	var a settledAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	some := false
	for _, n := range []*int{a.Acked, a.Nacked, a.Extended, a.Released, a.Promoted} {
		if n != nil {
			s.Done, some = *n, true
		}
	}
	if !some {
		return errForeign
	}
	s.Skipped, s.Ready, s.InFlight, s.Written = a.Skipped, a.Ready, a.InFlight, a.Then
	var err error
	if s.Reasons, err = bySeq(a.Reasons); err != nil {
		return err
	}
	s.Deadlines, err = bySeq(a.Deadlines)
	return err
}

// bySeq returns a JSON object whose names are seqs. It may be nil.
func bySeq[V any](object map[string]V) (map[uint64]V, error) {
	if object == nil {
		return nil, nil
	}
	out := make(map[uint64]V, len(object))
	for name, v := range object {
		seq, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a seq: %w", name, err)
		}
		out[seq] = v
	}
	return out, nil
}

// settleRequest is the body of a call on jobs.
type settleRequest struct {
	Node      string            `json:"node,omitempty"`
	Seqs      []uint64          `json:"seqs"`
	Leases    []string          `json:"lease_ids,omitempty"`
	LeaseMS   int64             `json:"lease_ms,omitempty"`
	DelayMS   *int64            `json:"delay_ms,omitempty"`
	Dead      bool              `json:"dead,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Unstarted bool              `json:"unstarted,omitempty"`
	Leaving   bool              `json:"leaving,omitempty"`
	Then      []json.RawMessage `json:"then,omitempty"`
}

// request returns the body for a holding.
func (h *Holding) request() settleRequest {
	return settleRequest{Node: h.Node, Seqs: append([]uint64{}, h.Seqs...), Leases: h.Leases}
}

// settle sends a call on jobs.
func (c *Client) settle(ctx context.Context, queue, verb string, r *settleRequest) (*Settled, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return c.settleRaw(ctx, queue, verb, body, r.Leases != nil || len(r.Seqs) == 0 || verb == "promote")
}

func (c *Client) settleRaw(ctx context.Context, queue, verb string, body []byte, repeatable bool) (*Settled, error) {
	var out Settled
	err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       topicPath(queue) + "/" + verb,
		body:       body,
		repeatable: repeatable,
		confirm:    verb == "release",
	}, &out)
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// Then is a write that is made together with an ack.
type Then struct {
	Topic string
	Write *Write
}

// Ack ends jobs: they are done. The jobs of h that it does not hold are skipped.
// The writes of then, at most 10, are made in the same step: either the jobs end
// and all of them are made, or nothing happens. If no job ends, that is an error
// with CodeNothingAcked; after a retry it may mean that an earlier attempt did
// all of it.
func (c *Client) Ack(ctx context.Context, queue string, h Holding, then ...Then) (*Settled, error) {
	r := h.request()
	for _, t := range then {
		write, err := t.Write.encode()
		if err != nil {
			return nil, err
		}
		topic := append(appendString([]byte(`{"topic":`), t.Topic), ',')
		r.Then = append(r.Then, append(topic, write[1:]...))
	}
	if len(r.Then) == 0 {
		return c.settle(ctx, queue, "ack", &r)
	}
	return c.settleRaw(ctx, queue, "ack", r.verbatim(), r.Leases != nil)
}

// verbatim returns the request as JSON, with its writes byte for byte, which
// encoding/json would compact.
func (r *settleRequest) verbatim() []byte {
	then := r.Then
	r.Then = nil
	b, _ := json.Marshal(r) // cannot fail: it has only texts and numbers
	b = append(b[:len(b)-1], `,"then":[`...)
	for i, write := range then {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, write...)
	}
	return append(b, "]}"...)
}

// Return is how jobs go back to their queue. The zero value is a failure after
// which the queue's retry_backoff_ms applies.
type Return struct {
	// Delay, if not nil, is how long the jobs are not delivered, in whole ms, in
	// place of the queue's back-off.
	Delay *time.Duration
	// Dead moves the jobs to the queue's dead-letter topic, if it has one.
	Dead   bool
	Reason string // of Dead, in the dead letter; at most 1 KiB
	// Unstarted says that the jobs were not begun: the delivery does not count, and
	// there is no back-off.
	Unstarted bool
	// Leaving says that the node is about to end its streams. They are given no
	// further jobs, and if one ends with jobs, these deliveries do not count.
	Leaving bool
}

// Nack gives jobs back, to be delivered again. The jobs of h that it does not
// hold are skipped.
func (c *Client) Nack(ctx context.Context, queue string, h Holding, back Return) (*Settled, error) {
	r := h.request()
	r.Dead, r.Reason, r.Unstarted, r.Leaving = back.Dead, back.Reason, back.Unstarted, back.Leaving
	if back.Delay != nil {
		ms := back.Delay.Milliseconds()
		r.DelayMS = &ms
	}
	return c.settle(ctx, queue, "nack", &r)
}

// Extend makes the leases end a time from now, which may be earlier than they
// would; 0 means the queue's lease_ms. The jobs of h that it does not hold are
// skipped.
func (c *Client) Extend(ctx context.Context, queue string, h Holding, lease time.Duration) (*Settled, error) {
	r := h.request()
	r.LeaseMS = lease.Milliseconds()
	return c.settle(ctx, queue, "extend", &r)
}
