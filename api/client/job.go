package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Job is a job that a queue has delivered: its record, and the lease under
// which the caller holds it.
type Job struct {
	Record
	Lease      string // names this delivery; no other one has the same
	Deadline   int64  // when the lease ends, by the server's clock, in Unix ms
	Deliveries int    // including this one
}

// UnmarshalJSON implements json.Unmarshaler. It also sets Raw.
func (j *Job) UnmarshalJSON(b []byte) error {
	s := scanner{b: append([]byte(nil), b...)}
	*j = Job{}
	return j.scan(&s)
}

// scan parses one job.
func (j *Job) scan(s *scanner) error {
	s.space()
	start := s.at
	err := s.object(func(name []byte) error {
		switch string(name) {
		case "lease_id":
			return s.string(&j.Lease)
		case "deadline":
			return s.int(&j.Deadline)
		case "deliveries":
			var n uint64
			err := s.uint(&n)
			j.Deliveries = int(n)
			return err
		}
		return j.field(s, name, nil)
	})
	if err == nil && (j.Seq == 0 || j.Lease == "") {
		return errForeign
	}
	j.Raw = s.b[start:s.at:s.at]
	return err
}

// Claim is a request for jobs.
type Claim struct {
	Node  string        // who takes the jobs; must not be empty
	Max   int           // at most so many jobs; 0 means one
	Lease time.Duration // how long they are held, in whole ms; 0 means the queue's lease_ms
	Wait  time.Duration // long poll, in whole ms; 0 means to answer at once
}

// Claimed is the answer to a Claim.
type Claimed struct {
	Jobs  []Job
	Ready int64 // jobs that another claim could take now
}

// decode implements decoder.
func (c *Claimed) decode(body []byte) error {
	s := &scanner{b: body}
	some := false
	err := s.object(func(name []byte) error {
		switch string(name) {
		case "claimed":
			some = true
			return s.array(func() error {
				c.Jobs = append(c.Jobs, Job{})
				return c.Jobs[len(c.Jobs)-1].scan(s)
			})
		case "ready":
			return s.int(&c.Ready)
		}
		return s.skip()
	})
	if err == nil && !some {
		err = errForeign
	}
	if err != nil {
		return err
	}
	return s.end()
}

// Claim takes jobs from a queue. Each is held by the node until it is acked or
// nacked, or its lease is over. A claim is retried after any failure: jobs that
// an answer lost on its way had are delivered again when their leases are over.
func (c *Client) Claim(ctx context.Context, queue string, claim Claim) (*Claimed, error) {
	body, err := json.Marshal(struct {
		Node    string `json:"node"`
		Max     int    `json:"max,omitempty"`
		LeaseMS int64  `json:"lease_ms,omitempty"`
		WaitMS  int64  `json:"wait_ms,omitempty"`
	}{claim.Node, claim.Max, claim.Lease.Milliseconds(), claim.Wait.Milliseconds()})
	if err != nil {
		return nil, err
	}
	var out Claimed
	err = c.do(ctx, call{
		method:     http.MethodPost,
		path:       topicPath(queue) + "/claim",
		body:       body,
		wait:       claim.Wait,
		repeatable: true,
	}, &out)
	if err != nil {
		return nil, err
	}
	return &out, nil
}
