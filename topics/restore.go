package topics

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
func (r *Registry) Restore(state []byte, segs []*segment.Segment) (index.Liveness, error) {
	if err := r.restoreSnapshot(state); err != nil {
		return nil, err
	}
	extents, err := index.ReadTables(segs)
	if err != nil {
		return nil, err
	}
	live := index.Liveness{}
	for id, t := range r.catalog.ByID {
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
func (r *Registry) restoreSnapshot(state []byte) error {
	if len(state) < 8 {
		return fmt.Errorf("%w: a state of %d bytes", record.ErrMalformed, len(state))
	}
	r.shared.KeySeed = binary.LittleEndian.Uint64(state)
	d := record.NewDecoder(state[8:])
	r.catalog.NextID = d.Uvarint()
	var configs []*record.Config
	mark := d.Byte()
	for ; mark == topic.SnapshotTopic && !d.Failed(); mark = d.Byte() {
		t := topic.Restore(&d, &configs, r.shared)
		if d.Failed() || !r.catalog.Add(t) {
			d.Fail()
			break
		}
	}
	if mark == topic.SnapshotRouters && !d.Failed() {
		r.restoreRouting(&d)
		mark = d.Byte()
	}
	if mark == topic.SnapshotGiven && !d.Failed() {
		r.restoreGiven(&d)
		mark = d.Byte()
	}
	if mark == topic.SnapshotJobs && !d.Failed() {
		r.restoreJobs(&d)
		mark = d.Byte()
	}
	if mark != topic.SnapshotEnd {
		d.Fail()
	}
	if d.Failed() || d.Left() > 0 || r.catalog.NextID == 0 {
		return fmt.Errorf("%w: the state of %d topics, then %d bytes", record.ErrMalformed, len(r.catalog.ByID), d.Left())
	}
	return nil
}

// restoreJobs decodes the jobs of queues.
func (r *Registry) restoreJobs(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := r.catalog.ByID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.RestoreJobs(d)
	}
}

// restoreGiven decodes what is known of lost ranges.
func (r *Registry) restoreGiven(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := r.catalog.ByID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.RestoreGiven(d)
	}
}
