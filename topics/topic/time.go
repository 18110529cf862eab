package topic

import "github.com/e6e95bb8/topics/topics/index"

// BeforeLocked returns the seq after which a reader gets all records with a timestamp of ts or
// later, and no earlier one, and the tombstones of all that may have been among
// them. If inside is not nil, that seq is index.Extent.Before's. t.Mu is held for reading.
//
// Timestamps never decrease with the seq, so it is the last seq that is known to
// be earlier. Where none is left that is, what was lost from the topic's beginning on may
// have been at ts or later.
func (t *Topic) BeforeLocked(ts int64) (seq uint64, inside *index.Extent) {
	if t.LastWrite < ts {
		return t.beforeLostEnd(), nil
	}
	seq = t.Index.Before(ts)
	if seq > 0 {
		return seq, nil
	}
	return t.History.Before(ts)
}

// beforeLostEnd returns the head, or the seq before the lost ranges that end there: nobody
// knows when their records were written.
func (t *Topic) beforeLostEnd() uint64 {
	seq := t.Head
	for i := len(t.Lost.Ranges) - 1; i >= 0 && t.Lost.Ranges[i].To == seq && seq > 0; i-- {
		seq = t.Lost.Ranges[i].From - 1
	}
	return seq
}
