package drill

import (
	"context"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// A writer deletes in one of deleteEvery steps.
	deleteEvery = 40
	// One of frontEvery deletions is of the front of a topic.
	frontEvery = 6
	// maxDoomed bounds the acknowledged ops from which a writer chooses deletions.
	maxDoomed = 256
)

// delete deletes one of the writer's own ops by its tag, or the front of the
// topic. It is called while no op is pending, so that each op is known to
// precede or follow the deletion.
func (w *writer) delete(ctx context.Context, c *client.Client) error {
	var (
		x    deletion
		body *client.Deletion
	)
	if w.rng.IntN(frontEvery) == 0 {
		x, body = w.front()
	} else if len(w.doomed) > 0 {
		x, body = w.doom()
	}
	if body == nil {
		return nil
	}
	w.book.deleting(x)
	a, err := c.DeleteRecords(ctx, w.book.topic, *body)
	switch {
	case err == nil:
		w.book.deleted(x, a)
	case refused(err):
		w.book.refused(x)
	}
	return err
}

// front returns a deletion of everything below a seq between the first
// remaining one and the head. The seq is mostly near the first, so that the
// topic keeps a history.
func (w *writer) front() (deletion, *client.Deletion) {
	floor, head := w.book.floor(), w.book.head()
	if head <= floor {
		return deletion{}, nil
	}
	part := w.rng.Float64()
	x := deletion{before: floor + 1 + uint64(part*part*float64(head-floor-1))}
	return x, &client.Deletion{Before: &x.before}
}

// doom returns a deletion of an acknowledged op by its whole tag or by a
// prefix.
func (w *writer) doom() (deletion, *client.Deletion) {
	n, last := w.rng.IntN(len(w.doomed)), len(w.doomed)-1
	o := w.doomed[n]
	w.doomed[n] = w.doomed[last]
	w.doomed = w.doomed[:last]
	if w.rng.IntN(2) == 0 {
		return deletion{op: o.id}, &client.Deletion{Match: []string{"tag", "Eq", o.tag()}}
	}
	return deletion{op: o.id}, &client.Deletion{Match: []string{"tag", "Glob", o.tag() + "*"}}
}
