package queues

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// deadPage is how many dead letters are looked at together.
const deadPage = 1000

// mayDead is nil if the call may have what it asks for of a queue's dead
// letters: they are records of another topic. It returns that topic's name; empty
// if the queue has none.
func (h *Handlers) mayDead(c *call.Call, scope auth.Scope) (string, error) {
	st, err := h.Engine().State(c.Topic, false)
	if err != nil {
		return "", err
	}
	switch {
	case st.Config.Type != record.TypeQueue:
		return "", NotQueue(c.Topic)
	case st.Config.DeadLetter == nil:
		return "", nil
	}
	return *st.Config.DeadLetter, c.May(scope, *st.Config.DeadLetter)
}

// deadQuery reads which dead letters are meant.
type deadQuery struct {
	filter jobs.DeadFilter
	before uint64 // those below this seq; 0: all
	limit  int64  // how many at most; 0: all
	rate   int64  // how many a second at most; 0: no limit
	seqs   []uint64
	dry    bool // only look at which they are
}

// readDead reads the parameters that select dead letters.
func readDead(p *wire.Params) (deadQuery, error) {
	q := deadQuery{filter: jobs.DeadFilter{Reason: p.Get("reason")}, before: math.MaxUint64}
	if p.Has("before_seq") {
		q.before = p.Uint("before_seq")
	}
	if p.Err() != nil || !p.Has("match") {
		return q, p.Err()
	}
	var err error
	q.filter.Match, err = request.QueryMatch(p.Get("match"))
	return q, err
}

// ListDead answers a queue's dead letters.
func (h *Handlers) ListDead(c *call.Call) error {
	if refused := h.Refusal(); refused != nil {
		return refused
	}
	q, err := readPage(c)
	if err != nil {
		return err
	}
	dead, err := readDead(&q.Params)
	if err != nil {
		return err
	}
	name, err := h.mayDead(c, auth.Read)
	if err != nil {
		return err
	}
	listing := fmt.Sprintf("dead letters of %s %s %s %d", c.Topic, q.Get("match"), q.Get("reason"), dead.before)
	page, err := h.deadLetters(c, q, &dead, listing)
	if err != nil {
		return err
	}
	size := call.FirstRead
	for i := range page.Letters {
		r := &page.Letters[i].Record
		size += len(r.Data) + len(r.Meta) + len(r.Tag) + len(r.Node) + len(r.Job) + len(page.Letters[i].Reason) + render.Overhead + jobOverhead
	}
	if err := c.Take(call.BeyondFirst(size)); err != nil {
		return err
	}
	c.Header().Set("Cache-Control", "no-store")
	c.Out = appendDead(append(slices.Grow(c.Out[:0], size), '{'), c.Topic, name, page)
	if cursor := formatSeqCursor(listing, page.Next); cursor != "" {
		c.Out = append(append(append(c.Out, `,"next_cursor":"`...), cursor...), '"')
	}
	c.AnswerMembers()
	return nil
}

// deadLetters is a page of dead letters that are meant.
func (h *Handlers) deadLetters(c *call.Call, q *pageQuery, dead *deadQuery, listing string) (*jobs.DeadPage, error) {
	if err := q.seek(listing); err != nil {
		return nil, err
	}
	look := jobs.DeadQuery{DeadFilter: dead.filter, After: q.after, Limit: q.limit, MaxBytes: request.MaxBatchBytes}
	held, err := c.TakeRead(&look.MaxBytes)
	if err != nil {
		return nil, err
	}
	page, err := h.Engine().DeadLetters(c.Request.Context(), c.Topic, &look)
	c.GiveBack(held)
	if err != nil {
		return nil, err
	}
	return below(page, dead.before), nil
}

// below is those of a page that are below a seq.
func below(page *jobs.DeadPage, before uint64) *jobs.DeadPage {
	i := slices.IndexFunc(page.Letters, func(l jobs.DeadLetter) bool { return l.Seq >= before })
	if i >= 0 {
		page.Letters, page.Next = page.Letters[:i], 0
	}
	return page
}

// appendDead renders the members of a page of dead letters.
func appendDead(b []byte, topic, dead string, page *jobs.DeadPage) []byte {
	b = append(b, `"topic":"`...)
	b = append(b, topic...) // a checked name needs no escapes
	if dead == "" {
		b = append(b, `","dead_letter":null`...)
	} else {
		b = append(b, `","dead_letter":"`...)
		b = append(append(b, dead...), '"') // as above
	}
	b = append(b, `,"dead_letters":[`...)
	for i := range page.Letters {
		l := &page.Letters[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, `{"$seq":`...), l.Seq, 10)
		b = strconv.AppendUint(append(b, `,"source_seq":`...), l.Source, 10)
		b = strconv.AppendUint(append(b, `,"deliveries":`...), uint64(l.Deliveries), 10)
		b = render.String(append(b, `,"reason":`...), []byte(l.Reason))
		b = strconv.AppendInt(append(b, `,"$ts":`...), l.TS, 10)
		b = append(render.Members(b, &l.Record, render.Fields{Data: true, Meta: true, Tags: true}), '}')
	}
	return append(b, ']')
}

// listDeadJobs answers a queue's dead letters as jobs that are dead.
func (h *Handlers) listDeadJobs(c *call.Call, q *pageQuery) error {
	if _, err := h.mayDead(c, auth.Read); err != nil {
		return err
	}
	listing := "dead jobs of " + c.Topic
	page, err := h.deadLetters(c, q, &deadQuery{before: math.MaxUint64}, listing)
	if err != nil {
		return err
	}
	out := jobsPage{Topic: c.Topic, State: stateDead, Jobs: make([]jobView, len(page.Letters)), NextCursor: formatSeqCursor(listing, page.Next)}
	for i := range page.Letters {
		l := &page.Letters[i]
		out.Jobs[i] = jobView{Seq: l.Seq, State: stateDead, Deliveries: l.Deliveries, Source: l.Source, Reason: l.Reason}
		if job, err := record.DecodeJob(l.Job); err == nil {
			out.Jobs[i].Group, out.Jobs[i].Key, out.Jobs[i].Priority = string(job.Group), string(job.Key), job.Priority
		}
	}
	wire.WriteJSON(c, http.StatusOK, out)
	return nil
}
