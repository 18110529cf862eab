package topics

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
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
// claimable. It returns true if there were any.
func (r *Registry) buryNow(ctx context.Context, t *topic) (any bool) {
	ctx = context.WithoutCancel(ctx) // a job must not be stuck because a client is gone
	for {
		t.mu.Lock()
		if t.jobs == nil || !t.jobs.queue.Dying() {
			t.mu.Unlock()
			return any
		}
		change := t.jobs.queue.Bury(atBoth(r.shared.clock.Now()), buryJobs)
		t.mu.Unlock()
		if change == nil {
			return any
		}
		any = true
		r.moveDead(ctx, t, change)
	}
}

// moveDead moves the jobs of a burial, or aborts it.
func (r *Registry) moveDead(ctx context.Context, t *topic, change *queue.Change) {
	var cost Cost
	records, err := t.pick(ctx, change.Seqs(), &cost)
	if err != nil {
		r.abortBurial(t, change)
		return
	}
	for len(change.Jobs) > 0 {
		part := *change
		n, size := 0, 0
		for n < len(change.Jobs) && (n == 0 || size < buryBytes) {
			rec := records[change.Jobs[n].Seq]
			size += rec.PayloadBytes()
			n++
		}
		part.Jobs, change.Jobs = slices.Clone(change.Jobs[:n]), change.Jobs[n:]
		r.moveTogether(ctx, t, &part, records)
	}
}

func (r *Registry) abortBurial(t *topic, change *queue.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abortJobsLocked(change)
}

// moveTogether moves jobs in one frame of the log, or aborts their burial.
func (r *Registry) moveTogether(ctx context.Context, t *topic, change *queue.Change, records map[uint64]record.Record) {
	change.Jobs = slices.DeleteFunc(change.Jobs, func(j queue.Changed) bool {
		_, there := records[j.Seq]
		return !there // it has ended
	})
	dead := r.deadLetterOf(t)
	if dead == "" || len(change.Jobs) == 0 {
		r.abortBurial(t, change)
		return
	}
	cfg := record.DefaultConfig()
	cfg.Durability = t.shownClass()
	a := &attempt{name: dead, letters: true}
	encode := func() {
		a.write = &Write{Records: lettersOf(t.name, change, records)}
		a.batch = encodeBatch(a.write)
	}
	encode()
	x := &settling{name: t.name, parts: []*attempt{a}, kept: true, made: &cfg, mode: wal.Patient}
	x.judge = func(now *topic, _ *heldTopics) (settled, error) {
		if now != t || t.jobs == nil || t.cfg.DeadLetter == nil || *t.cfg.DeadLetter != dead {
			return settled{}, errDeadLetterGone
		}
		err := t.refusal()
		if err != nil {
			return settled{}, err
		}
		live, before := liveRecords{t}, len(change.Jobs)
		change.Jobs = slices.DeleteFunc(change.Jobs, func(j queue.Changed) bool { return !live.Live(j.Seq) })
		if len(change.Jobs) < before {
			encode()
		}
		return settled{queue.Bury, change.Seqs(), change}, nil
	}
	_, err := r.commitSettling(ctx, x, len(change.Jobs))
	if err != nil && len(x.commits) == 0 {
		r.abortBurial(t, change)
	}
}

// deadLetterOf returns the name of a queue's dead-letter topic; empty if it has
// none.
func (r *Registry) deadLetterOf(t *topic) string {
	cfg := t.shown.Load()
	if cfg == nil || cfg.DeadLetter == nil {
		return ""
	}
	return *cfg.DeadLetter
}

// shownClass returns the durability class of a topic.
func (t *topic) shownClass() record.Class {
	cfg := t.shown.Load()
	if cfg == nil {
		return record.Disk
	}
	return cfg.Durability
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
