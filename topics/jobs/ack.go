package jobs

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Then is a write that an ack makes with it.
type Then struct {
	Topic string
	Write *topic.Write
}

// MaxThen is how many writes an ack may make.
const MaxThen = 10

// Ack ends jobs that the caller holds: their records are deleted. The writes of
// then are made in the same frame of the log, if at least one job was acked;
// otherwise an error of KindNothingAcked is returned, and nothing is written.
func (qs *Queues) Ack(ctx context.Context, name string, call queue.Call, then []Then) (*Result, error) {
	came := qs.shared.Clock.Now()
	parts, err := attemptsOf(then)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, a := range parts {
			a.Encoded.Release()
		}
	}()
	out := &Result{}
	x := &settling{name: name, parts: parts, mode: wal.Freeing | wal.Patient}
	if len(parts) > 0 {
		x.mode = 0
	}
	x.judge = func(t *topic.Topic, _ *heldTopics) (settled, error) {
		err := t.CheckQueueLocked()
		if err == nil {
			err = qs.writable()
		}
		if err != nil {
			return settled{}, err
		}
		t.ExpireLocked(came.Steady)
		change, skips := t.Jobs.Queue.Ack(topic.AtBoth(came), call)
		out.Skipped, out.Done = skips, nil
		if change == nil {
			qs.ServeLocked(t) // the call may have shown that a worker lives
			if len(parts) > 0 {
				return settled{}, errNothingAcked(t)
			}
			return settled{}, nil
		}
		out.Done = change.Seqs()
		return settled{queue.Ack, out.Done, change}, nil
	}
	if t := qs.catalog.Lookup(name); t != nil && len(call.Seqs) > 0 {
		qs.host.LetRoutersPass(ctx, t, slices.Max(call.Seqs))
	}
	out.Cost, err = qs.commitSettling(ctx, x, len(call.Seqs))
	if err != nil {
		return nil, err
	}
	for _, p := range x.written {
		w, err := p.Wait()
		if err != nil {
			return nil, err
		}
		out.Then = append(out.Then, w)
	}
	out.Counts = qs.countsOf(x.topic)
	return out, nil
}

func errNothingAcked(t *topic.Topic) error {
	return &record.Error{
		Kind: record.KindNothingAcked, Message: "the caller holds none of the jobs: none was acked, and nothing was written",
		Detail: map[string]any{"topic": t.Name},
	}
}

// attemptsOf returns the writes of an ack as they are made.
func attemptsOf(then []Then) ([]*topic.Attempt, error) {
	if len(then) > MaxThen {
		return nil, record.InvalidField("then", "has %d writes; at most %d are allowed", len(then), MaxThen)
	}
	var parts []*topic.Attempt
	seen := map[string]bool{}
	for i := range then {
		switch {
		case len(then[i].Write.Records) == 0:
			return nil, record.InvalidField("then", "write %d has no records", i)
		case seen[then[i].Topic]:
			return nil, record.InvalidField("then", "topic %q is there twice: put all its records into one write", then[i].Topic)
		}
		seen[then[i].Topic] = true
		parts = append(parts, &topic.Attempt{Name: then[i].Topic, Write: then[i].Write, Encoded: topic.Encode(then[i].Write)})
	}
	return parts, nil
}
