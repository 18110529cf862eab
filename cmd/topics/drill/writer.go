package drill

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// recentOps bounds the acknowledged ops with a key that a writer may repeat.
	recentOps = 16
	// maxThink is the longest pause between two writes. It keeps the log small
	// enough to be read again after every kill.
	maxThink = 4 * time.Millisecond
	// refusedPause is the pause after an answer that asks to retry later.
	refusedPause = 20 * time.Millisecond
)

// writer writes its planned ops to one topic, one after the other, across all
// boots. It is used by one goroutine at a time.
type writer struct {
	id     uint16
	book   *book
	plan   plan
	number uint32 // number of the next new op
	// pending is an op with a key that was sent and not answered. It is sent until
	// it is answered. It may be nil.
	pending *op
	recent  []acked
	doomed  []op // acknowledged ops that may be deleted later
	rng     *rand.Rand
}

// acked is an op and the place at which it was acknowledged.
type acked struct {
	op    op
	first uint64
}

func newWriter(id uint16, b *book, p plan) *writer {
	return &writer{
		id: id, book: b, plan: p,
		rng: rand.New(rand.NewPCG(p.seed, streamWriters|uint64(id))),
	}
}

// load writes until the connection breaks because of the kill. killed reports
// whether it was the kill.
func (w *writer) load(ctx context.Context, c *client.Client, killed func() bool) {
	if !w.book.class.survives() {
		// Their keys may be lost with their records.
		w.recent, w.doomed = w.recent[:0], w.doomed[:0]
	}
	for ctx.Err() == nil {
		err := w.step(ctx, c)
		switch {
		case err == nil:
			pause(ctx, time.Duration(w.rng.Int64N(int64(maxThink))))
		case ctx.Err() != nil || killed():
			return
		case throttled(err):
			pause(ctx, refusedPause)
		default:
			w.book.unexpected("writer %d: %v", w.id, err)
			pause(ctx, refusedPause)
		}
	}
}

// step sends one write: the pending one, a repeated one, or the next.
func (w *writer) step(ctx context.Context, c *client.Client) error {
	if w.pending == nil && w.rng.IntN(deleteEvery) == 0 {
		return w.delete(ctx, c)
	}
	if w.pending == nil && len(w.recent) > 0 && w.rng.IntN(20) == 0 {
		return w.repeat(ctx, c, w.recent[w.rng.IntN(len(w.recent))])
	}
	var o op
	if w.pending != nil {
		o = *w.pending
	} else {
		o = w.plan.op(opID{w.id, w.number})
		w.number++
		if o.key != "" {
			w.pending = &o
		}
	}
	body := w.plan.body(o)
	if o.key != "" && w.rng.IntN(30) == 0 {
		return w.race(ctx, c, o, body)
	}
	a, err := c.Append(ctx, w.book.topic, body)
	if err != nil {
		return err
	}
	w.record(o, a)
	return nil
}

// record records the answer to op o.
func (w *writer) record(o op, a client.Written) {
	w.pending = nil
	if !w.wellFormed(o, a) {
		return
	}
	w.book.acked(o, a.FirstSeq, a.Deduped)
	if len(w.doomed) < maxDoomed {
		w.doomed = append(w.doomed, o)
	} else {
		w.doomed[w.rng.IntN(maxDoomed)] = o
	}
	if o.key == "" {
		return
	}
	if len(w.recent) == recentOps {
		w.recent = append(w.recent[:0], w.recent[1:]...)
	}
	w.recent = append(w.recent, acked{o, a.FirstSeq})
}

// repeat sends an acknowledged op again. The answer must have the same seqs.
func (w *writer) repeat(ctx context.Context, c *client.Client, old acked) error {
	a, err := c.Append(ctx, w.book.topic, w.plan.body(old.op))
	if err != nil {
		return err
	}
	if w.wellFormed(old.op, a) {
		w.book.repeated(old.op, a.FirstSeq, a.Deduped)
	}
	return nil
}

// race sends the same op twice concurrently. It must be appended once.
func (w *writer) race(ctx context.Context, c *client.Client, o op, body *client.Write) error {
	var (
		both    [2]client.Written
		errs    [2]error
		running sync.WaitGroup
	)
	for i := range both {
		running.Go(func() { both[i], errs[i] = c.Append(ctx, w.book.topic, body) })
	}
	running.Wait()
	// Answers count, even if the other attempt failed.
	for i, a := range both {
		switch {
		case errs[i] != nil:
		case w.pending != nil:
			w.record(o, a)
		case w.wellFormed(o, a):
			w.book.repeated(o, a.FirstSeq, true)
		}
	}
	if errs[0] == nil && errs[1] == nil && !both[0].Deduped && !both[1].Deduped {
		w.book.unexpected("%s: sent twice at once, appended at %d and at %d", o.id, both[0].FirstSeq, both[1].FirstSeq)
	}
	return errors.Join(errs[:]...)
}

// wellFormed checks that an answer's numbers are consistent.
func (w *writer) wellFormed(o op, a client.Written) bool {
	ok := a.Count == o.count && a.FirstSeq > 0 && a.LastSeq == a.FirstSeq+uint64(o.count)-1 && len(a.Seqs) == o.count
	for i, seq := range a.Seqs {
		ok = ok && seq == a.FirstSeq+uint64(i)
	}
	if !ok {
		w.book.unexpected("%s of %d records was answered with count %d, seqs %d..%d (%d of them)",
			o.id, o.count, a.Count, a.FirstSeq, a.LastSeq, len(a.Seqs))
	}
	return ok
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
