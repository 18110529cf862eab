package queues

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// stateNames are the states of jobs as clients name them. Those that are dead
// are in another topic.
var stateNames = map[string]queue.State{
	"ready": queue.Ready, "blocked": queue.Blocked, "delayed": queue.Delayed, "in_flight": queue.InFlight,
}

const stateDead = "dead"

// Counts counts the jobs of a queue by their state, and what became of
// others.
type Counts struct {
	Ready             int64 `json:"ready"`
	Blocked           int64 `json:"blocked"`
	InFlight          int64 `json:"in_flight"`
	Delayed           int64 `json:"delayed"`
	DeadLettered      int64 `json:"dead_lettered"`
	DeadLetterBlocked int64 `json:"dead_letter_blocked"`
	Lost              int64 `json:"lost"`
	OldestReadyMS     int64 `json:"oldest_ready_ms"`
}

// CountsOf is the counts of a queue; nil of a log, which has none.
func CountsOf(n *queue.Counts) *Counts {
	if n == nil {
		return nil
	}
	return &Counts{
		Ready: n.Ready, Blocked: n.Blocked, InFlight: n.InFlight, Delayed: n.Delayed,
		DeadLettered: n.DeadLettered, DeadLetterBlocked: n.DeadLetterBlocked, Lost: n.Lost, OldestReadyMS: n.OldestReadyMS,
	}
}

// jobView is a job in a list. Times are Unix ms.
type jobView struct {
	Seq        uint64 `json:"$seq"`
	State      string `json:"state"`
	Deliveries uint32 `json:"deliveries"`
	Group      string `json:"$group,omitempty"`
	Key        string `json:"$unique_key,omitempty"`
	Priority   int8   `json:"$priority,omitempty"`
	Node       string `json:"node,omitempty"`       // in_flight: who holds it
	Lease      string `json:"lease_id,omitempty"`   // in_flight, for administrators
	Deadline   int64  `json:"deadline,omitempty"`   // in_flight
	Due        int64  `json:"due,omitempty"`        // delayed
	Since      int64  `json:"since,omitempty"`      // ready, blocked
	Source     uint64 `json:"source_seq,omitempty"` // dead: its seq in the queue
	Reason     string `json:"reason,omitempty"`     // dead
}

func viewJob(i *queue.Info, state string) jobView {
	v := jobView{
		Seq: i.Seq, State: state, Deliveries: i.Deliveries, Group: i.Group, Key: i.Key, Priority: i.Priority,
		Node: i.Node, Deadline: i.Deadline, Due: i.Due, Since: i.Since,
	}
	if i.Lease != (queue.LeaseID{}) {
		v.Lease = i.Lease.String()
	}
	return v
}

// jobsPage is a page of jobs.
type jobsPage struct {
	Topic      string    `json:"topic"`
	State      string    `json:"state"`
	Jobs       []jobView `json:"jobs"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

// pageQuery is what the lists of a queue take in the query.
type pageQuery struct {
	wire.Params
	limit int
	after uint64
}

// readPage reads the query of a list of seqs, all but the cursor.
func readPage(c *call.Call) (*pageQuery, error) {
	if err := c.CheckTopic(); err != nil {
		return nil, err
	}
	query, err := c.Query()
	if err != nil {
		return nil, err
	}
	q := &pageQuery{Params: wire.ReadParams(query), limit: wire.DefaultPage}
	if q.Has("limit") {
		q.limit = int(min(q.Size("limit"), wire.MaxPage))
		if q.limit == 0 {
			q.Refuse("limit", "must be from 1 to %d", wire.MaxPage)
		}
	}
	return q, q.Err()
}

// seek reads the cursor, which must be one of the listing.
func (q *pageQuery) seek(listing string) error {
	if !q.Has("cursor") {
		return nil
	}
	after, err := wire.ParseCursor(listing, q.Get("cursor"))
	if err != nil {
		return err
	}
	if q.after, err = strconv.ParseUint(after, 10, 64); err != nil {
		return wire.InvalidField("cursor", "is not one that this listing has given")
	}
	return nil
}

// formatSeqCursor is the cursor behind a seq; empty for 0, which is the end.
func formatSeqCursor(listing string, next uint64) string {
	if next == 0 {
		return ""
	}
	return wire.FormatCursor(listing, strconv.FormatUint(next, 10))
}

// ListJobs answers the jobs of a queue that are in a state, by seq.
func (h *Handlers) ListJobs(c *call.Call) error {
	q, err := readPage(c)
	if err != nil {
		return err
	}
	state := "ready"
	if q.Has("state") {
		state = q.Get("state")
	}
	if state == stateDead {
		return h.listDeadJobs(c, q)
	}
	if _, ok := stateNames[state]; !ok {
		return wire.InvalidField("state", "%q is none of ready, blocked, delayed, in_flight, dead", state)
	}
	page, err := h.jobsPage(c, q, state)
	if err != nil {
		return err
	}
	for i := range page.Jobs {
		page.Jobs[i].Lease = ""
	}
	wire.WriteJSON(c, http.StatusOK, page)
	return nil
}

// ListInFlight answers who holds which job until when, leases included.
func (h *Handlers) ListInFlight(c *call.Call) error {
	if refused := h.Refusal(); refused != nil {
		return refused
	}
	q, err := readPage(c)
	if err != nil {
		return err
	}
	page, err := h.jobsPage(c, q, "in_flight")
	if err != nil {
		return err
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, page)
	return nil
}

// jobsPage is a page of the jobs in a state.
func (h *Handlers) jobsPage(c *call.Call, q *pageQuery, state string) (*jobsPage, error) {
	listing := state + " jobs of " + c.Topic
	if err := q.seek(listing); err != nil {
		return nil, err
	}
	found, err := h.Engine().Jobs(c.Topic, stateNames[state], q.after, q.limit)
	if err != nil {
		return nil, err
	}
	page := &jobsPage{Topic: c.Topic, State: state, Jobs: make([]jobView, len(found.Jobs)), NextCursor: formatSeqCursor(listing, found.Next)}
	for i := range found.Jobs {
		page.Jobs[i] = viewJob(&found.Jobs[i], state)
	}
	return page, nil
}

func NotQueue(topic string) error {
	return &record.Error{
		Kind: record.KindNotQueue, Message: fmt.Sprintf("topic %q is not a queue", topic), Detail: map[string]any{"topic": topic},
	}
}
