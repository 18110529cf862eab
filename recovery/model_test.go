package recovery_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// model has what a client can rely on: which records were acknowledged, where,
// and under which class.
type model struct {
	lives   map[string]*life // by topic name; nil or absent: not known to exist
	routing *routing
}

// life is one incarnation of a topic, from its creation to its delete.
type life struct {
	class    record.Class
	evicts   bool // a cap or a ttl was ever set
	unsure   bool // a change of it was cut off: it may be there or not
	unmade   bool // its creation failed: no restart, no topic
	kept     bool // its delete failed: it exists until a restart
	strong   bool // it was never of a class below disk
	records  map[uint64]string
	hidden   map[uint64]bool         // its write failed: not to be seen before a restart
	must     map[uint64]record.Class // acked and not excused: seq to the class it was acked under
	seen     uint64                  // highest seq in any answer
	places   map[string]uint64       // where each payload was last seen
	twice    map[string]bool         // sent again when the window of its key may have been over
	attempts []*attempt
	// gone are the seqs that were deleted, and the class of that: they never
	// come back but where a crash may undo it. dead are all that anybody ever
	// tried to delete: they may be missing without a word.
	gone map[uint64]record.Class
	dead map[uint64]bool
}

func newModel() *model { return &model{lives: map[string]*life{}, routing: newRouting()} }

func kind(err error) record.Kind {
	var e *record.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func newLife() *life {
	return &life{
		records: map[uint64]string{}, hidden: map[uint64]bool{}, strong: true, must: map[uint64]record.Class{}, places: map[string]uint64{},
		gone: map[uint64]record.Class{}, dead: map[uint64]bool{}, twice: map[string]bool{},
	}
}

// configured notes a config that the server acknowledged.
func (m *model) configured(t *testing.T, name string, out topics.Configured) {
	l := m.lives[name]
	if out.Created {
		if l != nil && !l.unsure {
			t.Fatalf("topic %s was created although it was there", name)
		}
		l = newLife()
		m.lives[name] = l
	}
	if l == nil {
		t.Fatalf("topic %s was there although nobody made it", name)
	}
	l.unsure = false
	l.class = out.Config.Durability
	l.strong = l.strong && l.class >= record.Disk
	l.evicts = l.evicts || out.Config.CapRecords > 0 || out.Config.TTLMS > 0
}

// maybeConfigured notes that a config may or may not have been taken.
func (m *model) maybeConfigured(name string) {
	if l := m.lives[name]; l != nil {
		l.evicts = true
		return
	}
	l := newLife()
	l.unsure, l.unmade, l.evicts = true, true, true
	m.lives[name] = l
}

func (m *model) maybeDropped(name string) {
	if l := m.lives[name]; l != nil {
		l.kept = l.kept || !l.unsure // else it may not have been there
		l.unsure = true
	}
}

// begun notes a write that has its seqs.
func (m *model) begun(t *testing.T, a *attempt, p *topic.Pending, cfg *record.ConfigPatch) {
	placed := p.Placed()
	l := m.lives[a.topic]
	if placed.Created {
		if l != nil && !l.unsure {
			t.Fatalf("topic %s was created although it was there", a.topic)
		}
		l = newLife()
		if cfg != nil {
			l.evicts = *cfg.CapRecords > 0 || *cfg.TTLMS > 0
		}
		m.lives[a.topic] = l
	}
	l.strong = l.strong && placed.Class >= record.Disk
	a.life, a.first, a.class, a.created = l, placed.First, placed.Class, placed.Created
	l.attempts = append(l.attempts, a)
	for i, data := range a.payload {
		seq := a.first + uint64(i)
		if seq <= l.seen {
			t.Fatalf("topic %s: seq %d was given out again (told of %d before)", a.topic, seq, l.seen)
		}
		l.records[seq] = data
		m.routing.wrote[data] = true
	}
}

// acked notes an acknowledgement.
func (m *model) acked(t *testing.T, a *attempt, out topic.Written) {
	if out.First != a.first || out.Count != len(a.payload) || out.Deduped {
		t.Fatalf("topic %s: write at %d acked as %+v", a.topic, a.first, out)
	}
	a.acked = true
	for i := range a.payload {
		seq := a.first + uint64(i)
		a.life.must[seq] = a.class
		a.life.seen = max(a.life.seen, seq)
	}
}

// unknown notes that no answer will come whether the write happened.
func (m *model) unknown(a *attempt) {
	if m.lives[a.topic] == a.life && len(a.life.must) == 0 {
		a.life.unsure = true // it may have been the one that made the topic
	}
}

// failed notes a write that was refused after it had its place: no reader may see
// it in this life, whatever the next one finds.
func (m *model) failed(a *attempt) {
	m.unknown(a)
	a.life.unmade = a.life.unmade || a.created
	for i := range a.payload {
		a.life.hidden[a.first+uint64(i)] = true
	}
}

// excuse takes the promise off what a crash may take under its class. It must
// be in a tombstone then; check sees to that.
func (m *model) excuse(weaker record.Class) {
	m.routing.excuse(weaker)
	for _, l := range m.lives {
		l.unmade, l.kept = false, false
		clear(l.hidden)
		for seq, class := range l.must {
			if class <= weaker {
				l.must[seq] = record.Ephemeral
			}
		}
		for seq, class := range l.gone {
			if class <= weaker {
				delete(l.gone, seq)
			}
		}
	}
}

func (m *model) killed()    { m.excuse(record.Memory) }
func (m *model) powerLost() { m.excuse(record.Disk) }
func (m *model) closed() {
	m.excuse(record.Ephemeral)
	for _, l := range m.lives {
		for seq, class := range l.must {
			if class > record.Ephemeral { // the log was synced
				l.must[seq] = record.Fsync
			}
		}
		for seq := range l.gone {
			l.gone[seq] = record.Fsync
		}
	}
}

// forgo takes the promise off the records that cannot be read when a delete is
// sent and that it may mean: it is of those below before, unless that is nil. They are
// over by the clock of this life. By that of the next one, if it jumped, they may not be,
// and then the delete takes those of them that match.
func (l *life) forgo(visible map[uint64]record.Record, before *uint64) {
	for seq := range l.must {
		if _, ok := visible[seq]; !ok && (before == nil || seq < *before) {
			delete(l.must, seq)
			l.dead[seq] = true
		}
	}
}

// deleted notes that the records that matched, of those that could be read, are
// gone: for good, or, when it failed, perhaps.
func (l *life) deleted(matched map[uint64]record.Record, class record.Class, failed bool) {
	for seq := range matched {
		delete(l.must, seq)
		if l.dead[seq] = true; !failed {
			l.gone[seq] = class
		}
	}
}

func (m *model) keyed(rng *rand.Rand) *attempt {
	var all []*attempt
	for _, name := range []string{"t0", "t1", "t2", "t3", "t4", "t5", "t6"} {
		if l := m.lives[name]; l != nil && !l.unsure {
			for _, a := range l.attempts {
				if a.key != "" {
					all = append(all, a)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[rng.IntN(len(all))]
}

// age notes that a life begins with that wall clock, by which the windows of
// keys may be over.
func (m *model) age(now int64) {
	for _, l := range m.lives {
		for _, a := range l.attempts {
			a.aged = a.aged || now-a.at > simWindow-hourMS
		}
	}
}

const hourMS = 3_600_000

// repeated notes that a write was appended again, for the first one is gone.
func (m *model) repeated(t *testing.T, old, again *attempt, p *topic.Pending) {
	if old.acked && !old.aged && old.life.must[old.first] > record.Ephemeral {
		t.Fatalf("topic %s: the key of the write acked at %d is not known", old.topic, old.first)
	}
	old.key = ""
	for _, data := range old.payload {
		m.routing.again[data] = true
		old.life.twice[data] = old.life.twice[data] || old.aged
	}
	m.begun(t, again, p, nil)
}
