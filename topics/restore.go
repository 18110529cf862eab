package topics

import (
	"encoding/binary"
	"fmt"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
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
	for id, t := range r.byID {
		seq, _, ok := t.history.Front()
		if !ok {
			continue
		}
		if !t.history.Attach(extents[id]) {
			return nil, fmt.Errorf("topics: no segment has the records of topic %q from seq %d on", t.name, seq)
		}
		live.Add(id, t.earliest(), t.deleted)
	}
	return live, nil
}

// restoreSnapshot is Restore without the records.
func (r *Registry) restoreSnapshot(state []byte) error {
	if len(state) < 8 {
		return fmt.Errorf("%w: a state of %d bytes", record.ErrMalformed, len(state))
	}
	r.shared.keySeed = binary.LittleEndian.Uint64(state)
	d := record.NewDecoder(state[8:])
	r.nextID = d.Uvarint()
	var configs []*record.Config
	mark := d.Byte()
	for ; mark == snapshotTopic && !d.Failed(); mark = d.Byte() {
		t := restoreTopic(&d, &configs, r.shared)
		_, taken := r.byName.Get(t.name)
		if taken || t.id >= r.nextID || r.byID[t.id] != nil {
			d.Fail()
		}
		if d.Failed() {
			break
		}
		r.byID[t.id] = t
		r.byName.Set(t.name, t)
	}
	if mark == snapshotRouters && !d.Failed() {
		r.restoreRouting(&d)
		mark = d.Byte()
	}
	if mark == snapshotGiven && !d.Failed() {
		r.restoreGiven(&d)
		mark = d.Byte()
	}
	if mark == snapshotJobs && !d.Failed() {
		r.restoreJobs(&d)
		mark = d.Byte()
	}
	if mark != snapshotEnd {
		d.Fail()
	}
	if d.Failed() || d.Left() > 0 || r.nextID == 0 {
		return fmt.Errorf("%w: the state of %d topics, then %d bytes", record.ErrMalformed, len(r.byID), d.Left())
	}
	return nil
}

// restoreJobs decodes the jobs of queues.
func (r *Registry) restoreJobs(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := r.byID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.restoreJobs(d)
	}
}

// restoreGiven decodes what is known of lost ranges.
func (r *Registry) restoreGiven(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := r.byID[d.Uvarint()]
		if t == nil {
			d.Fail()
			return
		}
		t.restoreGiven(d)
	}
}
