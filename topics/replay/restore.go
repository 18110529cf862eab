package replay

import (
	"encoding/binary"
	"fmt"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Restore fills an empty registry with the state of a checkpoint, whose
// records are in segs, in order. It returns what was live.
func (rp *Replay) Restore(state []byte, segs []*segment.Segment) (index.Liveness, error) {
	if err := rp.restoreSnapshot(state); err != nil {
		return nil, err
	}
	extents, err := index.ReadTables(segs)
	if err != nil {
		return nil, err
	}
	live := index.Liveness{}
	for id, t := range rp.catalog.ByID {
		seq, _, ok := t.History.Front()
		if !ok {
			continue
		}
		if !t.History.Attach(extents[id]) {
			return nil, fmt.Errorf("topics: no segment has the records of topic %q from seq %d on", t.Name, seq)
		}
		live.Add(id, t.Earliest(), t.Deleted)
	}
	return live, nil
}

// restoreSnapshot is Restore without the records.
func (rp *Replay) restoreSnapshot(state []byte) error {
	if len(state) < 8 {
		return fmt.Errorf("%w: a state of %d bytes", record.ErrMalformed, len(state))
	}
	rp.shared.KeySeed = binary.LittleEndian.Uint64(state)
	d := record.NewDecoder(state[8:])
	rp.catalog.NextID = d.Uvarint()
	var configs []*record.Config
	mark := d.Byte()
	for ; mark == topic.SnapshotTopic && !d.Failed(); mark = d.Byte() {
		t := topic.Restore(&d, &configs, rp.shared)
		if d.Failed() || !rp.catalog.Add(t) {
			d.Fail()
			break
		}
	}
	if mark == topic.SnapshotRouters && !d.Failed() {
		rp.restoreRouting(&d)
		mark = d.Byte()
	}
	if mark == topic.SnapshotGiven && !d.Failed() {
		rp.restoreGiven(&d)
		mark = d.Byte()
	}
	if mark == topic.SnapshotJobs && !d.Failed() {
		rp.restoreJobs(&d)
		mark = d.Byte()
	}
	if mark == topic.SnapshotDeduped && !d.Failed() {
		rp.restoreDeduped(&d)
		mark = d.Byte()
	}
	if mark != topic.SnapshotEnd {
		d.Fail()
	}
	if d.Failed() || d.Left() > 0 || rp.catalog.NextID == 0 {
		return fmt.Errorf("%w: the state of %d topics, then %d bytes", record.ErrMalformed, len(rp.catalog.ByID), d.Left())
	}
	return nil
}

// restoreJobs decodes the jobs of queues.
func (rp *Replay) restoreJobs(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := rp.catalog.ByID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.RestoreJobs(d)
	}
}

// restoreDeduped decodes what keyed writes did not append.
func (rp *Replay) restoreDeduped(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := rp.catalog.ByID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.RestoreDeduped(d)
	}
}

// restoreGiven decodes what is known of lost ranges.
func (rp *Replay) restoreGiven(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := rp.catalog.ByID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.RestoreGiven(d)
	}
}
