package drill

import (
	"context"

	"github.com/e6e95bb8/topics/api/client"
)

const (
	// deleteEvery is how many steps of a writer have one delete among them.
	deleteEvery = 40
	// frontEvery is how many deletes have one of a front among them.
	frontEvery = 6
	// maxDoomed is how many of its acked ops a writer has in mind to delete.
	maxDoomed = 256
)

// delete deletes one of the writer's own ops by its tag, or the front of the
// topic. It is called while no op is pending, so that it is known of every op
// whether it came before the delete.
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

// front deletes everything below a seq between the first one left and the
// head, mostly nearer to the first: the topic keeps a history.
func (w *writer) front() (deletion, *client.Deletion) {
	floor, head := w.book.floor(), w.book.head()
	if head <= floor {
		return deletion{}, nil
	}
	part := w.rng.Float64()
	x := deletion{before: floor + 1 + uint64(part*part*float64(head-floor-1))}
	return x, &client.Deletion{Before: &x.before}
}

// doom deletes an acked op by its tag, told whole or by its beginning.
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
