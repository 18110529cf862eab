package topics

import (
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// before holds what Registry.Before answers for a time: after that seq are all live
// records of that time or later and no earlier one, and every loss of such a
// record. Of ephemeral ones that is so until a record of an earlier time follows, after
// a restart that has forgotten theirs.
func (o *oracle) before(ts int64, seq uint64) error {
	if seq > o.head() {
		return fmt.Errorf("seq %d is beyond the head %d", seq, o.head())
	}
	for i := range o.seqs {
		s := &o.seqs[i]
		at := uint64(i + 1)
		switch {
		case s.gone == "" && s.TS < ts && at > seq:
			return fmt.Errorf("seq %d of %d is read from seq %d on", at, s.TS, seq)
		case s.gone == "" && s.TS >= ts && at <= seq:
			return fmt.Errorf("seq %d of %d is not read from seq %d on", at, s.TS, seq)
		case s.gone != "" && s.gone != goneDeleted && !s.asked && s.TS >= ts && at <= seq && (s.class != record.Ephemeral || s.gone == topic.ReasonCrash && !o.earlierAfter(i, ts)):
			return fmt.Errorf("seq %d of %d is %s, and no reader from seq %d on sees it", at, s.TS, s.gone, seq)
		}
	}
	return nil
}

// earlierAfter reports whether a record after seqs[i] is of an earlier time.
func (o *oracle) earlierAfter(i int, ts int64) bool {
	return slices.ContainsFunc(o.seqs[i+1:], func(s oracleSeq) bool { return s.TS < ts })
}

// BeforeTime asks a topic for a time at, beside or far from that of one of its
// records.
func (m *registryMachine) BeforeTime(t *rapid.T) {
	name := m.name(t)
	o := m.oracles[name]
	ts := rapid.SampledFrom([]int64{-1, 0, m.w.now, m.w.now + 1}).Draw(t, "time")
	if o != nil && o.head() > 0 {
		near := rapid.Uint64Range(1, o.head()).Draw(t, "near the time of seq")
		ts = rapid.SampledFrom([]int64{ts, o.seqs[near-1].TS}).Draw(t, "which time") + rapid.Int64Range(-1, 1).Draw(t, "beside")
	}
	seq, err := m.w.Registry.Before(context.Background(), name, ts)
	if o == nil {
		if kindOf(err) != record.KindNotFound {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	o.expire(m.w.now)
	if err := o.before(ts, seq); err != nil {
		t.Fatalf("%s before %d: %v", name, ts, err)
	}
}
