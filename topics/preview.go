package topics

import (
	"slices"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Preview is what a deletion would delete, with the topic as it is.
type Preview struct {
	Size    record.Size
	Head    uint64
	Routers []string // that would end with a topic, sorted
}

// PreviewDeletion returns what DeleteRecords would delete. It changes nothing.
func (r *Registry) PreviewDeletion(name string, d *Deletion) (Preview, error) {
	for tries := 0; ; tries++ {
		c, err := r.findDeleted(name, d)
		if err == nil {
			return previewOf(c)
		}
		if r.shared.Outdated(err) && tries < topic.MaxTries {
			continue // the records have moved
		}
		again, err := r.shared.Again(err)
		if !again {
			return Preview{}, topic.LogError(err)
		}
	}
}

// previewOf returns what a deletion without a place would delete.
func previewOf(c *topic.CommitOf[topic.DeleteOp]) (Preview, error) {
	t := c.Topic
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Dropped {
		return Preview{}, record.NotFound(t.Name)
	}
	out := Preview{Head: t.Head}
	if c.Operation == nil {
		return out, nil
	}
	set := c.Entry.Matched
	if set == nil {
		set = &index.SeqSet{}
		set.AddRange(t.Earliest(), c.Entry.Last)
	}
	// A page that cannot be read makes a sum wrong.
	size := t.SizeOfLocked(set)
	out.Size = record.Size{Records: min(size.Records, t.Live.Records), Bytes: min(size.Bytes, t.Live.Bytes)}
	return out, nil
}

// PreviewDelete returns what Delete would delete, which is nothing if there is no such
// topic. It fails if Delete would because of ifEmpty.
func (r *Registry) PreviewDelete(name string, ifEmpty bool) (Preview, error) {
	t := r.catalog.Hold(name)
	if t == nil {
		return Preview{}, nil
	}
	defer t.Mu.Unlock()
	t.ExpireLocked(r.shared.Steady())
	if ifEmpty {
		err := checkEmptyLocked(t)
		if err != nil {
			return Preview{}, err
		}
	}
	out := Preview{Size: t.Live, Head: t.Head}
	l := router.Linked(t)
	for _, rt := range slices.Concat(l.Out, l.In) {
		out.Routers = append(out.Routers, rt.Name)
	}
	slices.Sort(out.Routers)
	out.Routers = slices.Compact(out.Routers)
	return out, nil
}
