package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// replayDead moves letters back in one frame. If the queue does not take all of
// them, it takes them one by one, as far as it does.
func (qs *Queues) replayDead(ctx context.Context, c *deadCall, letters []DeadLetter) error {
	w := &topic.Write{Create: new(false)}
	for i := range letters {
		w.Records = append(w.Records, revived(&letters[i].Record))
	}
	a := &topic.Attempt{Name: c.name, Write: w, Encoded: topic.Encode(w)}
	x := &settling{name: c.dead, parts: []*topic.Attempt{a}, mode: wal.Patient}
	var gone, taken []DeadSkip
	var seqs []uint64
	x.judge = func(t *topic.Topic, held *heldTopics) (settled, error) {
		q := held.of[c.name]
		if q == nil {
			return settled{}, record.NotFound(c.name)
		}
		err := q.CheckQueueLocked()
		if err == nil {
			err = t.Refusal()
		}
		if err != nil {
			return settled{}, err
		}
		t.ExpireLocked(qs.shared.Steady())
		gone, taken = goneLetters(t, c.name, letters), takenKeys(q, letters)
		seqs = nil
		if len(gone)+len(taken) > 0 {
			return settled{}, nil
		}
		for i := range letters {
			seqs = append(seqs, letters[i].Seq)
		}
		return settled{topic.Remove, seqs, nil}, nil
	}
	cost, err := qs.commitSettling(ctx, x, len(letters))
	c.out.Cost.Append += cost.Append
	c.out.Cost.Sync += cost.Sync
	refused, is := errors.AsType[*record.Error](err)
	full := is && (refused.Kind == record.KindFull || refused.Kind == record.KindRecordTooLarge)
	switch {
	case len(gone)+len(taken) > 0:
		skips := slices.Concat(gone, taken)
		c.out.Skipped = append(c.out.Skipped, skips...)
		rest := slices.DeleteFunc(slices.Clone(letters), func(l DeadLetter) bool {
			return slices.ContainsFunc(skips, func(s DeadSkip) bool { return s.Seq == l.Seq })
		})
		if len(rest) == 0 {
			return nil
		}
		return qs.replayDead(ctx, c, rest)
	case full && len(letters) == 1:
		c.skip(letters[0].Seq, refused)
		return nil
	case full:
		for i := range letters {
			err := qs.replayDead(ctx, c, letters[i:i+1])
			if err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		return err
	}
	first := x.written[0].Written.First
	for i, seq := range seqs {
		c.out.Done, c.out.Replayed = append(c.out.Done, seq), append(c.out.Replayed, first+uint64(i))
	}
	return nil
}

// revived returns the record that a dead letter is in its queue again.
func revived(rec *record.Record) record.Record {
	out := record.Record{Data: rec.Data, Tag: rec.Tag, Node: rec.Node, Meta: withoutNote(rec.Meta)}
	j, err := record.DecodeJob(rec.Job)
	if err == nil {
		j.Dead = false
		out.Job = j.Encode()
	}
	return out
}

// goneLetters returns the letters that are not in the topic any more. Its lock is
// held.
func goneLetters(t *topic.Topic, name string, letters []DeadLetter) (skips []DeadSkip) {
	for i := range letters {
		if !t.IsLive(letters[i].Seq) {
			skips = append(skips, DeadSkip{letters[i].Seq, errNoLetter(name, letters[i].Seq)})
		}
	}
	return skips
}

// takenKeys returns the letters whose unique keys are those of live jobs, or of
// letters before them. The queue's lock is held.
func takenKeys(q *topic.Topic, letters []DeadLetter) (skips []DeadSkip) {
	keys := make([]string, len(letters))
	for i := range letters {
		j, err := record.DecodeJob(letters[i].Job)
		if err == nil {
			keys[i] = string(j.Key)
		}
	}
	for _, d := range q.Jobs.Queue.Duplicates(keys) {
		live := d.Seq
		detail := map[string]any{"topic": q.Name, "unique_key": keys[d.Index], "seq": live}
		message := fmt.Sprintf("job %d of queue %q has the unique key %q", live, q.Name, keys[d.Index])
		if d.Of >= 0 {
			live = letters[d.Of].Seq
			detail["seq"] = live
			message = fmt.Sprintf("dead letter %d of queue %q, which is replayed with it, has the unique key %q", live, q.Name, keys[d.Index])
		}
		skips = append(skips, DeadSkip{letters[d.Index].Seq, &record.Error{Kind: record.KindKeyLive, Message: message, Detail: detail}})
	}
	return skips
}

// purgeDead deletes letters in one frame.
func (qs *Queues) purgeDead(ctx context.Context, c *deadCall, letters []DeadLetter) error {
	x := &settling{name: c.dead, mode: wal.Freeing | wal.Patient}
	var gone []DeadSkip
	var seqs []uint64
	x.judge = func(t *topic.Topic, _ *heldTopics) (settled, error) {
		err := t.Refusal()
		if err != nil {
			return settled{}, err
		}
		t.ExpireLocked(qs.shared.Steady())
		gone, seqs = goneLetters(t, c.name, letters), nil
		for i := range letters {
			if !slices.ContainsFunc(gone, func(s DeadSkip) bool { return s.Seq == letters[i].Seq }) {
				seqs = append(seqs, letters[i].Seq)
			}
		}
		return settled{topic.Remove, seqs, nil}, nil
	}
	cost, err := qs.commitSettling(ctx, x, len(letters))
	if err != nil {
		return err
	}
	c.out.Cost.Append += cost.Append
	c.out.Cost.Sync += cost.Sync
	c.out.Done = append(c.out.Done, seqs...)
	c.out.Skipped = append(c.out.Skipped, gone...)
	return nil
}

// PreviewDead returns the dead letters that a selection names, as if something had
// been done with them. A replay may skip some of them: those whose unique keys are
// taken, and those for which its queue has no room.
func (qs *Queues) PreviewDead(ctx context.Context, name string, s *DeadSelection) (*DeadResult, error) {
	look := func(_ context.Context, c *deadCall, letters []DeadLetter) error {
		for i := range letters {
			c.out.Done = append(c.out.Done, letters[i].Seq)
		}
		return nil
	}
	return qs.eachDead(ctx, name, &DeadSelection{Seqs: s.Seqs, Filter: s.Filter}, purgeBatch, look)
}
