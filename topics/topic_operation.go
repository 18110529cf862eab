package topics

import "github.com/e6e95bb8/topics/topics/entry"

// topicOperation is an operation on one topic, with a place among the topic's
// writes. A live commit applies the same one as its replay: see Registry.applyLocked.
// An entry that makes its topic also has Creates, one that sets the topic's
// config has Sets, and one with records has Batch.
type topicOperation interface {
	entry.Entry
	// topic returns the topic's id.
	topic() uint64
	// before returns the topic's head before the operation, and false if the
	// entry does not say.
	before() (head uint64, known bool)
	// follows reports whether the operation may come next on t: neither seqs nor
	// times go back, and the index relies on that.
	follows(t *topic) bool
	// fit changes the operation so that it follows on t, of which entries may be
	// lost. It returns false if the operation says nothing that is not known.
	fit(t *topic) bool
	// apply publishes the operation. t.mu is held.
	apply(t *topic, f frameParts) error
}

type (
	creator interface{ Creates() *entry.Creation }
	setter  interface{ Sets() *entry.Setting }
	carrier interface{ Batch() entry.Batch }
)

// creationOf returns what the operation makes its topic with; nil if it makes
// none.
func creationOf(op topicOperation) *entry.Creation {
	c, ok := op.(creator)
	if !ok {
		return nil
	}
	return c.Creates()
}

// settingOf returns the config that the operation sets; nil if it sets none.
func settingOf(op topicOperation) *entry.Setting {
	s, ok := op.(setter)
	if !ok {
		return nil
	}
	return s.Sets()
}

// batchOf returns the operation's records.
func batchOf(op topicOperation) entry.Batch {
	c, ok := op.(carrier)
	if !ok {
		return entry.Batch{}
	}
	return c.Batch()
}

// timeOf returns the operation's time in Unix ms; 0 if the entry does not say.
func timeOf(op topicOperation) int64 {
	ms, _ := op.Time()
	return ms
}
