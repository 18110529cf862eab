package jobs

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Jobs move to their dead-letter topic so many at a time, in one frame of the log
// each, unless they are large.
const (
	buryJobs  = 100
	buryBytes = 1 << 20
)

// buryNow moves the jobs of a queue that are to be dead-lettered, and waits until
// that is durable as the queue's class says. Those that cannot move stay, and are
// claimable. It returns true if there were any, though they may have ended before.
func (qs *Queues) buryNow(ctx context.Context, t *topic.Topic) (any bool) {
	ctx = context.WithoutCancel(ctx) // a job must not be stuck because a client is gone
	for {
		t.Mu.Lock()
		if t.Jobs == nil || !t.Jobs.Queue.Dying() {
			t.Mu.Unlock()
			return any
		}
		change := t.Jobs.Queue.Bury(topic.AtBoth(qs.shared.Clock.Now()), buryJobs)
		if change == nil {
			qs.ServeLocked(t) // with so many of them claims looked no further
		}
		t.Mu.Unlock()
		any = true
		if change != nil {
			qs.moveDead(ctx, t, change)
		}
	}
}

// moveDead moves the jobs of a burial, or aborts it.
func (qs *Queues) moveDead(ctx context.Context, t *topic.Topic, change *queue.Change) {
	qs.host.LetRoutersPass(ctx, t, slices.Max(change.Seqs()))
	for len(change.Jobs) > 0 {
		var cost topic.Cost
		records, picked, err := qs.pickSome(ctx, t, change.Seqs(), &cost)
		if err != nil {
			qs.abortBurial(t, change)
			return
		}
		part := *change
		n, size := 0, 0
		for n < picked && (n == 0 || size < buryBytes) {
			rec := records[change.Jobs[n].Seq]
			size += rec.PayloadBytes()
			n++
		}
		part.Jobs, change.Jobs = slices.Clone(change.Jobs[:n]), change.Jobs[n:]
		qs.moveTogether(ctx, t, &part, records)
	}
}

func (qs *Queues) abortBurial(t *topic.Topic, change *queue.Change) {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	t.AbortJobsLocked(change)
}

// moveTogether moves jobs in one frame of the log, or aborts their burial.
func (qs *Queues) moveTogether(ctx context.Context, t *topic.Topic, change *queue.Change, records map[uint64]record.Record) {
	change.Jobs = slices.DeleteFunc(change.Jobs, func(j queue.Changed) bool {
		_, there := records[j.Seq]
		return !there // it has ended
	})
	dead := qs.deadLetterOf(t)
	if dead == "" || len(change.Jobs) == 0 {
		qs.abortBurial(t, change)
		return
	}
	cfg := record.DefaultConfig()
	cfg.Durability = t.ShownClass()
	a := &topic.Attempt{Name: dead, Letters: true}
	encode := func() {
		a.Write = &topic.Write{Records: lettersOf(t.Name, change, records)}
		a.Encoded = topic.Encode(a.Write)
	}
	encode()
	x := &settling{name: t.Name, parts: []*topic.Attempt{a}, kept: true, made: &cfg, mode: wal.Patient}
	x.judge = func(now *topic.Topic, _ *heldTopics) (settled, error) {
		if now != t || t.Jobs == nil || t.Config.DeadLetter == nil || *t.Config.DeadLetter != dead {
			return settled{}, errDeadLetterGone
		}
		err := t.Refusal()
		if err != nil {
			return settled{}, err
		}
		before := len(change.Jobs)
		change.Jobs = slices.DeleteFunc(change.Jobs, func(j queue.Changed) bool { return !t.IsLive(j.Seq) })
		if len(change.Jobs) < before {
			encode()
		}
		return settled{queue.Bury, change.Seqs(), change}, nil
	}
	_, err := qs.commitSettling(ctx, x, len(change.Jobs))
	if err != nil && len(x.commits) == 0 {
		qs.abortBurial(t, change)
	}
}

// deadLetterOf returns the name of a queue's dead-letter topic; empty if it has
// none.
func (qs *Queues) deadLetterOf(t *topic.Topic) string {
	cfg := t.ShownConfig()
	if cfg == nil || cfg.DeadLetter == nil {
		return ""
	}
	return *cfg.DeadLetter
}

var errDeadLetterGone = record.Invalid("the queue has no such dead-letter topic any more")

// lettersOf returns the dead letters of jobs.
func lettersOf(queueName string, change *queue.Change, records map[uint64]record.Record) []record.Record {
	letters := make([]record.Record, 0, len(change.Jobs))
	for i := range change.Jobs {
		c := &change.Jobs[i]
		rec := records[c.Seq]
		letters = append(letters, letterOf(&rec, &deadNote{
			From: queueName, Deliveries: c.Deliveries, Source: c.Seq, Reason: c.Reason,
		}))
	}
	return letters
}

// letterOf returns a record as a dead letter: it keeps its group, its unique key
// and its priority for a replay.
func letterOf(rec *record.Record, note *deadNote) record.Record {
	out := record.Record{Data: rec.Data, Tag: rec.Tag, Node: rec.Node, Meta: note.add(rec.Meta)}
	j, err := record.DecodeJob(rec.Job)
	if err == nil {
		j.Dead, j.Due, j.ByWall = true, 0, false
		out.Job = j.Encode()
	}
	return out
}
