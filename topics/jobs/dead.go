package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// DeadLetter is a job that its queue gave up, as it is in the dead-letter topic.
type DeadLetter struct {
	record.Record        // its seq is that of the dead-letter topic
	Source        uint64 // its seq in the queue
	Deliveries    uint32
	Reason        string
}

// DeadPage is a part of the dead letters of a queue.
type DeadPage struct {
	Topic   string // the dead-letter topic; empty if the queue has none
	Letters []DeadLetter
	Next    uint64 // the cursor to go on with; 0: there are no more
}

// DeadFilter says which dead letters of a queue are meant. The zero one means
// all.
type DeadFilter struct {
	Reason string        // empty: any
	Match  *record.Match // of the tag; nil: any
}

// DeadQuery asks for a page of dead letters.
type DeadQuery struct {
	DeadFilter
	After    uint64 // the seq after which it begins
	Limit    int    // how many at most
	MaxBytes int    // of payload at most, but for the first one; 0: deliveryBytes
	// Untouched: it counts as no use of the dead-letter topic.
	Untouched bool
}

// DeadSelection names dead letters by their seqs in the dead-letter topic, or, if
// Seqs is nil, by a filter.
type DeadSelection struct {
	Seqs      []uint64
	Filter    DeadFilter
	PerSecond int // how many a second at most; 0: no limit
}

// DeadSkip is a dead letter that stays, and why.
type DeadSkip struct {
	Seq uint64
	Err *record.Error
}

// DeadResult answers what is done with dead letters.
type DeadResult struct {
	Done     []uint64 // their seqs in the dead-letter topic
	Replayed []uint64 // a replay: the seqs that they have in the queue, in the same order
	Skipped  []DeadSkip
	Counts   queue.Counts // of the queue, afterwards
	Cost     topic.Cost
}

// What one page looks at, and what goes in one frame.
const (
	deadLooks  = 10_000
	deadBatch  = 100
	deadBytes  = 1 << 20
	purgeBatch = 1000
)

// DeadLetters lists dead letters of a queue. A page may have fewer than its limit and
// yet be followed by another.
func (qs *Queues) DeadLetters(ctx context.Context, name string, q *DeadQuery) (*DeadPage, error) {
	dead, err := qs.deadTopicOf(name)
	if err != nil {
		return nil, err
	}
	out := &DeadPage{Topic: dead}
	left, after := q.MaxBytes, q.After
	if left <= 0 {
		left = deliveryBytes
	}
	for looked := 0; dead != "" && len(out.Letters) < q.Limit && left > 0; {
		b, err := qs.host.Read(ctx, dead, &topic.Query{
			From: after, Limit: min(q.Limit, deadBatch), MaxBytes: min(left, deadBytes), Match: q.Match, Untouched: q.Untouched,
		})
		if kindOfError(err) == record.KindNotFound {
			return out, nil // no job has come to it yet
		}
		if err != nil {
			return nil, err
		}
		full := false
		for i := range b.Records {
			rec := &b.Records[i]
			l, ok := q.letter(rec, name)
			size := rec.PayloadBytes()
			full = len(out.Letters) == q.Limit || ok && len(out.Letters) > 0 && size > left
			if full {
				break
			}
			after = rec.Seq
			if ok {
				out.Letters = append(out.Letters, l)
				left -= size
			}
		}
		if !full {
			after = b.NextFrom
		}
		if looked += b.Cost.Scanned; after >= b.Head {
			out.Next = 0
			return out, nil
		}
		out.Next = after
		if full || looked >= deadLooks || ctx.Err() != nil {
			return out, nil
		}
	}
	return out, nil
}

// letter returns the dead letter that a record is, if it is one of the queue that
// the filter means.
func (f *DeadFilter) letter(rec *record.Record, name string) (DeadLetter, bool) {
	n, ok := readNote(rec.Meta)
	if !ok || n.From != name || f.Reason != "" && f.Reason != n.Reason || f.Match != nil && !f.Match.Tag(rec.Tag) {
		return DeadLetter{}, false
	}
	return DeadLetter{Record: *rec, Source: n.Source, Deliveries: n.Deliveries, Reason: n.Reason}, true
}

// deadTopicOf returns the name of a queue's dead-letter topic; empty if it has
// none.
func (qs *Queues) deadTopicOf(name string) (string, error) {
	t, err := qs.openQueue(name)
	if err != nil {
		return "", err
	}
	defer t.Mu.Unlock()
	return qs.deadLetterOf(t), nil
}

func kindOfError(err error) record.Kind {
	if e, ok := errors.AsType[*record.Error](err); ok {
		return e.Kind
	}
	return 0
}

// ReplayDead moves dead letters back into their queue, each as a record that was
// written now and never delivered. A letter that cannot move stays, and is
// skipped. With an error the result has what was done before it; it is nil if nothing was
// begun.
func (qs *Queues) ReplayDead(ctx context.Context, name string, s *DeadSelection) (*DeadResult, error) {
	return qs.eachDead(ctx, name, s, deadBatch, qs.replayDead)
}

// PurgeDead deletes dead letters. Its result with an error is like that of ReplayDead.
func (qs *Queues) PurgeDead(ctx context.Context, name string, s *DeadSelection) (*DeadResult, error) {
	return qs.eachDead(ctx, name, s, purgeBatch, qs.purgeDead)
}

// deadCall does something with dead letters of a queue.
type deadCall struct {
	name, dead string
	out        *DeadResult
}

// eachDead calls do with the letters of a selection, so many at a time. Its result with an
// error is like that of ReplayDead.
func (qs *Queues) eachDead(ctx context.Context, name string, s *DeadSelection, most int,
	do func(context.Context, *deadCall, []DeadLetter) error) (*DeadResult, error) {
	dead, err := qs.deadTopicOf(name)
	if err != nil {
		return nil, err
	}
	c := &deadCall{name, dead, &DeadResult{}}
	last := qs.headOf(dead) // what comes later is not meant: it could go on for ever
	seqs := eachOnce(s.Seqs)
	p := pace{perSecond: s.PerSecond, began: time.Now()}
	most = p.batch(most)
	for after, more := uint64(0), true; more; {
		var letters []DeadLetter
		if s.Seqs != nil {
			var n int
			letters, n, err = qs.lettersBySeq(ctx, c, seqs[:min(len(seqs), most)])
			seqs = seqs[n:]
			more = len(seqs) > 0
		} else {
			var page *DeadPage
			page, err = qs.DeadLetters(ctx, name, &DeadQuery{DeadFilter: s.Filter, After: after, Limit: most, Untouched: true})
			if err == nil {
				letters, after = page.Letters, page.Next
				letters = slices.DeleteFunc(letters, func(l DeadLetter) bool { return l.Seq > last })
				more = after > 0 && after < last
			}
		}
		if err == nil && len(letters) > 0 {
			err = do(ctx, c, letters)
		}
		if err == nil && more {
			err = p.wait(ctx, len(letters))
		}
		if err != nil {
			return c.out, err
		}
	}
	c.out.Counts = qs.countsByName(name)
	return c.out, nil
}

// eachOnce returns seqs in their order, without those that are there before.
func eachOnce(seqs []uint64) []uint64 {
	once := make([]uint64, 0, len(seqs))
	seen := make(map[uint64]struct{}, len(seqs))
	for _, seq := range seqs {
		if _, twice := seen[seq]; !twice {
			seen[seq] = struct{}{}
			once = append(once, seq)
		}
	}
	return once
}

// headOf returns the head of a topic, 0 if it is not there.
func (qs *Queues) headOf(name string) uint64 {
	t := qs.catalog.Lookup(name)
	if t == nil {
		return 0
	}
	return t.CurrentHead()
}

// countsByName returns the counts of a queue, zero if it is not there any more.
func (qs *Queues) countsByName(name string) queue.Counts {
	t, err := qs.openQueue(name)
	if err != nil {
		return queue.Counts{}
	}
	defer t.Mu.Unlock()
	return t.Jobs.Queue.Counts(qs.Time())
}

// pace keeps work to so much a second.
type pace struct {
	perSecond int // 0: no limit
	began     time.Time
	done      int
}

// batch returns how much to do at once, so that waits are short.
func (p *pace) batch(most int) int {
	if p.perSecond <= 0 {
		return most
	}
	return min(most, max(p.perSecond/10, 1))
}

// wait waits until n more may be done.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.perSecond <= 0 {
		return ctx.Err()
	}
	p.done += n
	timer := time.NewTimer(time.Until(p.began.Add(time.Duration(p.done) * time.Second / time.Duration(p.perSecond))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lettersBySeq returns the dead letters of a queue that the first n of some seqs are, as
// many as fit in about deliveryBytes. Seqs that are none are skipped.
func (qs *Queues) lettersBySeq(ctx context.Context, c *deadCall, seqs []uint64) (letters []DeadLetter, n int, err error) {
	records := map[uint64]record.Record{}
	n = len(seqs)
	if t := qs.catalog.Lookup(c.dead); t != nil && c.dead != "" {
		records, n, err = qs.pickSome(ctx, t, seqs, &c.out.Cost)
		if err != nil {
			return nil, 0, err
		}
	}
	for _, seq := range seqs[:n] {
		rec, there := records[seq]
		l, is := new(DeadFilter).letter(&rec, c.name)
		if there && is {
			letters = append(letters, l)
			continue
		}
		c.skip(seq, errNoLetter(c.name, seq))
	}
	return letters, n, nil
}

func errNoLetter(name string, seq uint64) *record.Error {
	return &record.Error{
		Kind: record.KindNotFound, Message: fmt.Sprintf("queue %q has no dead letter %d", name, seq),
		Detail: map[string]any{"topic": name, "seq": seq},
	}
}

func (c *deadCall) skip(seq uint64, err *record.Error) {
	c.out.Skipped = append(c.out.Skipped, DeadSkip{seq, err})
}
