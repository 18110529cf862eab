package client

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// DeadLetter is a job that was given up, in the dead-letter topic of its queue.
// Its Seq is of that topic.
type DeadLetter struct {
	Record
	SourceSeq  uint64 // in the queue
	Deliveries int
	Reason     string // max_deliveries, rejected, or what a worker gave
}

// UnmarshalJSON implements json.Unmarshaler. It also sets Raw.
func (d *DeadLetter) UnmarshalJSON(b []byte) error {
	s := scanner{b: append([]byte(nil), b...)}
	*d = DeadLetter{}
	err := s.object(func(name []byte) error {
		switch string(name) {
		case "source_seq":
			return s.uint(&d.SourceSeq)
		case "deliveries":
			var n uint64
			err := s.uint(&n)
			d.Deliveries = int(n)
			return err
		case "reason":
			return s.string(&d.Reason)
		}
		return d.field(&s, name, nil)
	})
	d.Raw = s.b
	return err
}

// DeadFilter selects dead letters. The zero value selects all of a queue.
type DeadFilter struct {
	Match  []string // see Query.Match
	Reason string
	Before uint64 // those with a lower seq in the dead-letter topic
}

// query returns the filter as a query.
func (f *DeadFilter) query() url.Values {
	query := url.Values{}
	if f.Match != nil {
		match, _ := json.Marshal(f.Match) // strings cannot fail
		query.Set("match", string(match))
	}
	if f.Reason != "" {
		query.Set("reason", f.Reason)
	}
	if f.Before > 0 {
		query.Set("before_seq", strconv.FormatUint(f.Before, 10))
	}
	return query
}

func deadPath(queue string) string { return topicPath(queue) + "/dead-letters" }

// DeadLetters yields the dead letters of a queue in order of seq. It fetches them
// page by page and ends at the first error.
func (c *Client) DeadLetters(ctx context.Context, queue string, f DeadFilter) iter.Seq2[DeadLetter, error] {
	query := f.query()
	query.Set("limit", listPage)
	return pages(ctx, c, deadPath(queue), query, func(p *deadPage) ([]DeadLetter, string) { return p.Letters, p.Next })
}

type deadPage struct {
	Letters []DeadLetter `json:"dead_letters"`
	Next    string       `json:"next_cursor"`
}

// Redrive selects the dead letters to put back into their queue.
type Redrive struct {
	Seqs   []uint64 // if nil, all that match
	Filter DeadFilter
	Limit  int // at most so many; 0 means no limit
	Rate   int // at most so many per second; 0 means no limit
}

// DeadDone is what became of dead letters.
type DeadDone struct {
	Count   int               `json:"count"`   // how many left the dead-letter topic
	Skipped []uint64          `json:"skipped"` // those that stay, the first 1000
	Reasons map[uint64]string `json:"reasons"` // for each of Skipped
	Left    int64             `json:"left"`    // records that the dead-letter topic still has
	// HeadSeq is the head of the dead-letter topic, in a preview.
	HeadSeq uint64 `json:"head_seq"`
}

// redriveWait extends the ordinary timeout for calls that go through many dead
// letters.
const redriveWait = 10 * time.Minute

// ReplayDead puts dead letters back into their queue, each as a new job at its
// end with no delivery counted. Those that cannot be put back stay, and are in
// DeadDone.Skipped.
func (c *Client) ReplayDead(ctx context.Context, queue string, r Redrive) (DeadDone, error) {
	return c.redrive(ctx, queue, r, false)
}

func (c *Client) redrive(ctx context.Context, queue string, r Redrive, dry bool) (DeadDone, error) {
	body, err := json.Marshal(struct {
		Seqs   []uint64 `json:"seqs,omitempty"`
		Match  []string `json:"match,omitempty"`
		Reason string   `json:"reason,omitempty"`
		Before uint64   `json:"before_seq,omitempty"`
		Limit  int      `json:"limit,omitempty"`
		Rate   int      `json:"rate,omitempty"`
	}{r.Seqs, r.Filter.Match, r.Filter.Reason, r.Filter.Before, r.Limit, r.Rate})
	if err != nil {
		return DeadDone{}, err
	}
	var query url.Values
	if dry {
		query = dryRun()
	}
	var out DeadDone
	err = c.do(ctx, call{
		method:  http.MethodPost,
		path:    topicPath(queue) + "/redrive",
		query:   query,
		body:    body,
		wait:    redriveWait,
		confirm: true,
		// With a limit, a repeat would take the next ones.
		repeatable: r.Limit == 0 || dry,
	}, &out)
	return out, err
}

// PurgeDead deletes dead letters for good: at most limit of them, or all that
// match if it is 0. It is not retried after a failure whose outcome is unknown,
// because others may have died meanwhile.
func (c *Client) PurgeDead(ctx context.Context, queue string, f DeadFilter, limit int) (DeadDone, error) {
	return c.purge(ctx, queue, purgeQuery(f, limit), false)
}

func purgeQuery(f DeadFilter, limit int) url.Values {
	query := f.query()
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return query
}

func (c *Client) purge(ctx context.Context, queue string, query url.Values, dry bool) (DeadDone, error) {
	if dry {
		maps.Copy(query, dryRun())
	}
	var out DeadDone
	err := c.do(ctx, call{
		method: http.MethodDelete, path: deadPath(queue), query: query, wait: redriveWait, confirm: true, repeatable: dry,
	}, &out)
	return out, err
}

// DeleteDead deletes one dead letter for good.
func (c *Client) DeleteDead(ctx context.Context, queue string, seq uint64) error {
	return c.do(ctx, call{
		method: http.MethodDelete, path: deadPath(queue) + "/" + strconv.FormatUint(seq, 10), confirm: true,
	}, new(DeadDone))
}
