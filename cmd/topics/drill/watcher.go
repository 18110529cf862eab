package drill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// watchRetry is how long the watcher tries to reach the next boot.
	watchRetry = 2 * bootTimeout
	// watchPatience bounds the wait for it to reach the end.
	watchPatience = 30 * time.Second
)

// watched is a topic of the watcher.
type watched interface {
	// saw records a record that was delivered.
	saw(*client.Record)
	// silent judges seqs that were silently passed over.
	silent(seqRange)
	unexpected(format string, a ...any)
}

func (b *book) saw(r *client.Record) { b.read(r) }

func (b *book) silent(r seqRange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.judgeLocked(r)
}

func (r *route) saw(x *client.Record) { r.delivered(x) }
func (r *route) silent(gap seqRange)  { r.gap(gap.first, gap.last) }

// watcher follows topics over one stream that is resumed across all kills. It
// compares each record with what is known of its seq, and at the end compares
// the seqs that it did not get with the deletions.
type watcher struct {
	topics map[string]watched
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended; nil if it was not started

	mu      sync.Mutex // guards the fields below
	at      map[string]uint64
	skipped map[string][]seqRange
	records int64
	err     error
}

func newWatcher() *watcher {
	return &watcher{topics: map[string]watched{}, at: map[string]uint64{}, skipped: map[string][]seqRange{}}
}

// start starts at the beginning of every topic.
func (w *watcher) start(ctx context.Context, c *client.Client) {
	ctx, w.cancel = context.WithCancel(ctx)
	w.done = make(chan struct{})
	watch := client.Watch{Topics: map[string]client.Start{}, IncludeTags: true}
	for topic := range w.topics {
		watch.Topics[topic] = client.Start{}
	}
	go func() {
		defer close(w.done)
		defer c.Close()
		for event, err := range c.Watch(ctx, watch) {
			if err != nil {
				w.mu.Lock()
				w.err = fmt.Errorf("the watcher: %w", err)
				w.mu.Unlock()
				return
			}
			w.take(event)
		}
	}()
}

func (w *watcher) take(event client.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	topic := event.TopicName()
	t := w.topics[topic]
	switch e := event.(type) {
	case client.Records:
		for i := range e.Records {
			r := &e.Records[i]
			w.moveLocked(t, topic, r.Seq, r.Seq)
			t.saw(r)
			w.records++
		}
		if e.To > w.at[topic] {
			w.moveLocked(t, topic, e.To+1, e.To)
		}
	case client.Tombstone:
		w.moveLocked(t, topic, e.GapFrom, e.GapTo)
		if e.Reason != "crash" {
			t.unexpected("the watcher got a tombstone for %d..%d with the reason %q", e.GapFrom, e.GapTo, e.Reason)
		}
	case client.CaughtUp:
		if e.Head > w.at[topic] {
			w.moveLocked(t, topic, e.Head+1, e.Head)
		}
	case client.TopicDeleted:
		t.unexpected("the watcher got an event that the topic was deleted")
	}
}

// moveLocked accounts for first..last. The seqs between the last accounted one
// and first were passed over. w.mu is held.
func (w *watcher) moveLocked(t watched, topic string, first, last uint64) {
	at := w.at[topic]
	if first <= at {
		t.unexpected("the watcher got %d after %d", first, at)
		return
	}
	if first > at+1 {
		w.skipped[topic] = append(w.skipped[topic], seqRange{at + 1, first - 1})
	}
	w.at[topic] = last
}

// finish waits until the watcher has reached the heads while nothing is being
// written, and judges the seqs that it did not get.
func (w *watcher) finish(ctx context.Context, c *client.Client) error {
	if w.done == nil {
		return nil
	}
	defer w.stop()
	for topic, t := range w.topics {
		state, err := c.State(ctx, topic)
		if err != nil {
			return err
		}
		if err := w.await(ctx, topic, state.HeadSeq); err != nil {
			if ctx.Err() != nil {
				return err
			}
			t.unexpected("%v", err)
		}
	}
	w.stop()
	w.judge()
	return nil
}

// judge judges the seqs that were passed over. It is called after the last
// event.
func (w *watcher) judge() {
	for topic, gaps := range w.skipped {
		for _, gap := range gaps {
			w.topics[topic].silent(gap)
		}
	}
}

// await waits until the watcher has accounted for a topic up to head.
func (w *watcher) await(ctx context.Context, topic string, head uint64) error {
	for end := time.Now().Add(watchPatience); ; pause(ctx, routeLook) {
		w.mu.Lock()
		at, err := w.at[topic], w.err
		w.mu.Unlock()
		switch {
		case err != nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case at >= head:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("the watcher reached %d, with the head at %d", at, head)
		}
	}
}

// stop ends the watcher. It does nothing if the watcher has ended or was not
// started.
func (w *watcher) stop() {
	if w.done != nil {
		w.cancel()
		<-w.done
	}
}

// seen returns the number of records it received.
func (w *watcher) seen() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.records
}
