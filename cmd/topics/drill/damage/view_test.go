package damage

import (
	"slices"
	"testing"
)

// A topic of five records, of which the second is deleted, against what a
// reader may get.
func TestHold(t *testing.T) {
	full := func() map[uint64]entry {
		return map[uint64]entry{1: {sum: 1}, 3: {sum: 3}, 4: {sum: 4}, 5: {sum: 5}}
	}
	without := func(seqs ...uint64) map[uint64]entry {
		m := full()
		for _, seq := range seqs {
			delete(m, seq)
		}
		return m
	}
	with := func(seq, sum uint64) map[uint64]entry {
		m := full()
		m[seq] = entry{sum: sum}
		return m
	}
	for _, tt := range []struct {
		name   string
		class  class
		change func(*pages)
		view   view
		rule   rule
		want   []promise
	}{
		{name: "all there", view: view{records: full()}},
		{name: "the last gone", view: view{records: without(5)}, want: []promise{silent}},
		{name: "in a tombstone", view: view{records: without(4, 5), gaps: []span{{4, 9}}}},
		{name: "beside a tombstone", view: view{records: without(3, 4), gaps: []span{{4, 9}}}, want: []promise{silent}},
		{name: "not readable", view: view{records: without(3, 4), unread: []span{{3, 4}}}},
		{name: "of a weak class", class: memory, view: view{records: without(5)}, want: []promise{silent}},
		{name: "a crash took it", view: view{records: without(5), gaps: []span{{5, 9}}, crashes: []span{{5, 9}}}, rule: kept, want: []promise{silent}},
		{name: "disk, a crash took it", class: disk, view: view{records: without(5), gaps: []span{{5, 9}}, crashes: []span{{5, 9}}}, rule: kept},
		{name: "disk, a kill took it", class: disk, view: view{records: without(5), gaps: []span{{5, 9}}, crashes: []span{{5, 9}}}, rule: whole, want: []promise{silent}},
		{name: "memory, a kill took it", class: memory, view: view{records: without(5), gaps: []span{{5, 9}}, crashes: []span{{5, 9}}}, rule: whole},
		{name: "a crash took it before a repair", view: view{records: without(5), gaps: []span{{5, 9}}, crashes: []span{{5, 9}}}, rule: mendedRule},
		{name: "other bytes", view: view{records: with(3, 7)}, want: []promise{altered}},
		{name: "the deleted one back", view: view{records: with(2, 2)}, want: []promise{undeleted}},
		{name: "back after a repair", view: view{records: with(2, 2)}, rule: mendedRule},
		{name: "back after a crash", class: disk, view: view{records: with(2, 2), crashes: []span{{9, 9}}}},
		{name: "fsync, back after a crash", view: view{records: with(2, 2), crashes: []span{{9, 9}}}, want: []promise{undeleted}},
		{name: "a record from nowhere", view: view{records: with(6, 6)}, want: []promise{altered}},
		{name: "a router's record", change: func(p *pages) { p.routed = true }, view: view{records: with(6, 6)}},
		{name: "no topic", view: view{missing: true}, want: []promise{silent}},
		{name: "no topic, unprovable", change: func(p *pages) { p.loose = true }, view: view{missing: true}},
		{name: "no topic after a repair", change: func(p *pages) { p.traced = true }, view: view{missing: true}, rule: mendedRule, want: []promise{silent}},
		{name: "no topic, and nothing left that names it", view: view{missing: true}, rule: mendedRule},
		{name: "no ephemeral topic after a repair", class: ephemeral, view: view{missing: true}, rule: mendedRule},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPages("a", fsync, false)
			if tt.class != "" {
				p.class = tt.class
			}
			for seq := range uint64(5) {
				if _, broken := p.promise(seq+1, entry{sum: seq + 1}); broken {
					t.Fatal("a new seq is not given twice")
				}
			}
			p.remove(func(seq uint64, _ entry) bool { return seq == 2 })
			if tt.change != nil {
				tt.change(p)
			}
			var got []promise
			for _, b := range p.hold(&tt.view, tt.rule) {
				got = append(got, b.promise)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPromise(t *testing.T) {
	p := newPages("a", fsync, false)
	p.promise(1, entry{sum: 1})
	q := p.clone()
	if b, broken := p.promise(1, entry{sum: 2}); !broken || b.promise != reused {
		t.Errorf("another record at the same seq: %v, %v", b, broken)
	}
	if _, broken := p.promise(1, entry{sum: 1}); broken {
		t.Error("the same record at the same seq is a retry")
	}
	p.forget(1, 1)
	if len(p.records) != 0 || len(q.records) != 1 {
		t.Errorf("forgotten: %v; in the copy: %v", p.records, q.records)
	}
	if _, broken := p.promise(1, entry{sum: 2}); broken {
		t.Error("what is forgotten was never promised")
	}
}
