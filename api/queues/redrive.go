package queues

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
)

// deadView is what became of dead letters.
type deadView struct {
	Topic   string            `json:"topic"`
	Count   int64             `json:"count"`
	Seqs    []uint64          `json:"seqs,omitempty"`
	Skipped []uint64          `json:"skipped"`
	Reasons map[string]string `json:"reasons"`
	Left    int64             `json:"left"`
	// DryRun and HeadSeq, the head of the dead-letter topic, answer a dry run.
	DryRun  bool    `json:"dry_run,omitempty"`
	HeadSeq *uint64 `json:"head_seq,omitempty"`
}

// add adds the result of some of them.
func (v *deadView) add(r *jobs.DeadResult) {
	v.Count += int64(len(r.Done))
	for _, skip := range r.Skipped {
		if len(v.Skipped) == deadPage {
			return
		}
		v.Skipped = append(v.Skipped, skip.Seq)
		why := wire.ErrorOf(skip.Err).Code
		if skip.Err.Kind == record.KindNotFound { // the letter is: of the queue it would be an error
			why = "not_found"
		}
		v.Reasons[strconv.FormatUint(skip.Seq, 10)] = why
	}
}

// deadCall does something with dead letters.
type deadCall func(e Engine, ctx context.Context, name string, s *jobs.DeadSelection) (*jobs.DeadResult, error)

// DeleteDead deletes a dead letter.
func (h *Handlers) DeleteDead(c *call.Call) error {
	if err := c.ReadDryRun(); err != nil {
		return err
	}
	return h.oneDead(c, auth.Delete, Engine.PurgeDead)
}

// ReplayDead puts a dead letter back into its queue.
func (h *Handlers) ReplayDead(c *call.Call) error {
	return h.oneDead(c, auth.AdminWrite, Engine.ReplayDead)
}

// oneDead does something with the dead letter in the path.
func (h *Handlers) oneDead(c *call.Call, scope auth.Scope, do deadCall) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	seq, err := strconv.ParseUint(c.Seq, 10, 64)
	if err != nil {
		return wire.InvalidField("seq", "%q is not an integer from 0 to 2^64-1", c.Seq)
	}
	if err := c.Fieldless(); err != nil {
		return err
	}
	if _, err := h.mayDead(c, scope); err != nil {
		return err
	}
	if c.Dry {
		do = Engine.PreviewDead
	}
	done, err := do(h.Engine(), c.Request.Context(), c.Topic, &jobs.DeadSelection{Seqs: []uint64{seq}})
	if err != nil {
		return err
	}
	if len(done.Skipped) > 0 && done.Skipped[0].Err.Kind != record.KindNotFound {
		return done.Skipped[0].Err
	}
	if len(done.Done) == 0 {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such dead letter", Detail: map[string]any{"seq": seq}}
	}
	v := newDeadView(c)
	v.add(done)
	v.Seqs = done.Replayed
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	return h.answerDead(c, v)
}

func newDeadView(c *call.Call) *deadView {
	return &deadView{Topic: c.Topic, Skipped: []uint64{}, Reasons: map[string]string{}}
}

// answerDead answers what became of dead letters, and how many records are left
// where they were.
func (h *Handlers) answerDead(c *call.Call, v *deadView) error {
	head := uint64(0)
	st, err := h.Engine().State(c.Topic, false)
	if err == nil && st.Config.DeadLetter != nil {
		if dead, err := h.Engine().State(*st.Config.DeadLetter, false); err == nil {
			v.Left, head = dead.Count, dead.Head
		}
	}
	if c.Dry {
		v.DryRun, v.HeadSeq = true, &head
	}
	wire.WriteJSON(c, http.StatusOK, v)
	return nil
}

// PurgeDead deletes dead letters.
func (h *Handlers) PurgeDead(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	limit := p.Size("limit")
	if p.Has("limit") && limit == 0 {
		p.Refuse("limit", "must be at least 1")
	}
	c.Dry = p.Bool(call.DryRunField, false)
	q, err := readDead(&p)
	if err != nil {
		return err
	}
	if err := c.Fieldless(); err != nil {
		return err
	}
	q.limit = limit
	return h.manyDead(c, auth.Delete, &q, Engine.PurgeDead)
}

// Redrive puts dead letters back into their queue.
func (h *Handlers) Redrive(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	q, err := decodeRedrive(body, h.Limits, &c.Notices)
	if err != nil {
		return err
	}
	if err := c.ReadDryRun(); err != nil {
		return err
	}
	c.Dry = c.Dry || q.dry
	return h.manyDead(c, auth.AdminWrite, q, Engine.ReplayDead)
}

// redriveFields are the fields of a redrive.
var redriveFields = []string{"seqs", "match", "reason", "before_seq", "limit", "rate", call.DryRunField}

// decodeRedrive reads which dead letters are to go back, and how fast.
func decodeRedrive(body []byte, l *wire.Limits, notes *wire.Notices) (*deadQuery, error) {
	q := &deadQuery{before: math.MaxUint64}
	if body == nil {
		return q, nil
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	for f.NextField() {
		if f.Absent(redriveFields) {
			continue
		}
		switch name := string(f.Name()); name {
		case "seqs":
			q.seqs = readSeqs(&f, l)
		case "match":
			q.filter.Match = request.ReadMatch(&f)
		case "reason":
			q.filter.Reason = f.ReadString(name)
		case "before_seq":
			q.before = f.ReadUint(name)
		case "limit":
			q.limit = f.ReadSize(name)
		case "rate":
			q.rate = f.ReadSize(name)
		case call.DryRunField:
			q.dry = f.ReadBool(name)
		default:
			f.Unknown(redriveFields)
		}
	}
	return q, f.Finish()
}

// manyDead does something with all dead letters that are meant, some at a time,
// as long as the client stays.
func (h *Handlers) manyDead(c *call.Call, scope auth.Scope, q *deadQuery, do deadCall) error {
	if _, err := h.mayDead(c, scope); err != nil {
		return err
	}
	c.Outlast() // it may take long, by its rate for one
	defer c.AnswerWithin(h.Limits.WriteTimeout)
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(h.Serving, cancel)()
	if c.Dry {
		do = Engine.PreviewDead
	}
	v := newDeadView(c)
	run := deadRun{h.Engine(), c.Topic, q, do, v}
	err := run.all(ctx)
	switch {
	case err != nil && (v.Count == 0 || c.Dry):
		return err
	case err != nil && ctx.Err() == nil:
		return wire.Partly(err, "count", v.Count)
	}
	return h.answerDead(c, v)
}

// deadRun goes through the dead letters that are meant.
type deadRun struct {
	engine Engine
	topic  string
	query  *deadQuery
	do     deadCall
	view   *deadView
}

// all does what there is to do. What was done before an error stays done.
func (r *deadRun) all(ctx context.Context) error {
	left := r.query.limit
	if left == 0 {
		left = math.MaxInt64
	}
	if r.query.seqs != nil {
		return r.some(ctx, r.query.seqs[:min(int64(len(r.query.seqs)), left)])
	}
	for after := uint64(0); left > 0; {
		page, err := r.engine.DeadLetters(ctx, r.topic, &jobs.DeadQuery{
			DeadFilter: r.query.filter, After: after, Limit: int(min(left, deadPage)), Untouched: true,
		})
		if err != nil {
			return err
		}
		page = below(page, r.query.before)
		seqs := make([]uint64, len(page.Letters))
		for i := range page.Letters {
			seqs[i] = page.Letters[i].Seq
		}
		if err := r.some(ctx, seqs); err != nil {
			return err
		}
		left -= int64(len(seqs))
		after = page.Next
		if after == 0 {
			return nil
		}
	}
	return nil
}

// some does it with dead letters by their seqs.
func (r *deadRun) some(ctx context.Context, seqs []uint64) error {
	if len(seqs) == 0 {
		return nil
	}
	done, err := r.do(r.engine, ctx, r.topic, &jobs.DeadSelection{Seqs: seqs, PerSecond: int(min(r.query.rate, math.MaxInt32))})
	if done != nil {
		r.view.add(done)
	}
	return err
}
