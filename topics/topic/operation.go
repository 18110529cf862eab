package topic

import "github.com/e6e95bb8/topics/topics/entry"

// Operation is an operation on one topic, with a place among the topic's
// writes. A live commit applies the same one as its replay: see Registry.applyLocked.
// An entry that makes its topic also has Creates, one that sets the topic's
// config has Sets, and one with records has Batch.
type Operation interface {
	entry.Entry
	// Topic returns the topic's id.
	Topic() uint64
	// Before returns the topic's head before the operation, and false if the
	// entry does not say.
	Before() (head uint64, known bool)
	// Follows reports whether the operation may come next on t: neither seqs nor
	// times go back, and the index relies on that.
	Follows(t *Topic) bool
	// Fit changes the operation so that it follows on t, of which entries may be
	// lost. It returns false if the operation says nothing that is not known.
	Fit(t *Topic) bool
	// Apply publishes the operation. t.Mu is held.
	Apply(t *Topic, f Parts) error
}

type (
	creator interface{ Creates() *entry.Creation }
	Setter  interface{ Sets() *entry.Setting }
	Carrier interface{ Batch() entry.Batch }
)

// CreationOf returns what the operation makes its topic with; nil if it makes
// none.
func CreationOf(op Operation) *entry.Creation {
	c, ok := op.(creator)
	if !ok {
		return nil
	}
	return c.Creates()
}

// SettingOf returns the config that the operation sets; nil if it sets none.
func SettingOf(op Operation) *entry.Setting {
	s, ok := op.(Setter)
	if !ok {
		return nil
	}
	return s.Sets()
}

// BatchOf returns the operation's records.
func BatchOf(op Operation) entry.Batch {
	c, ok := op.(Carrier)
	if !ok {
		return entry.Batch{}
	}
	return c.Batch()
}

// TimeOf returns the operation's time in Unix ms; 0 if the entry does not say.
func TimeOf(op Operation) int64 {
	ms, _ := op.Time()
	return ms
}
