package drill

import (
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// remove does on the shelf what a deletion does on a server.
func (s *shelf) remove(x deletion, ops []acked) {
	if x.before > 0 {
		s.drop(1, x.before-1)
		return
	}
	for _, a := range ops {
		if a.op.id == x.op {
			s.drop(a.first, a.first+uint64(a.op.count)-1)
		}
	}
}

func (s *shelf) answer() client.Deleted {
	for seq := uint64(1); seq <= s.head; seq++ {
		if _, ok := s.records[seq]; ok {
			return client.Deleted{EarliestSeq: seq, HeadSeq: s.head}
		}
	}
	return client.Deleted{EarliestSeq: s.head + 1, HeadSeq: s.head}
}

// straddling returns a deletion of a front that ends inside an op.
func straddling(ops []acked) deletion {
	a := bigOp(ops[5:], 3)
	return deletion{before: a.first + 1}
}

func TestPassAfterDeletes(t *testing.T) {
	type world struct {
		*shelf
		*book
		ops []acked
	}
	// done is a deletion that was carried out and answered; lost is one that was
	// sent and not answered.
	done := func(w world, x deletion) {
		w.deleting(x)
		w.remove(x, w.ops)
		w.deleted(x, w.answer())
	}
	for _, tt := range []struct {
		name  string
		class class
		plant func(w world)
		want  func(Tally) bool // the injected fault, and no other
		word  string           // part of a finding
	}{
		{"nothing after both kinds", fsync, func(w world) {
			done(w, straddling(w.ops))
			done(w, deletion{op: w.ops[30].op.id})
		}, func(t Tally) bool { return t.broken() == 0 && t.Deletes == 2 && t.Checked < t.AckedRecords }, ""},
		{"nothing after everything was deleted", disk, func(w world) {
			done(w, deletion{before: w.shelf.head + 1})
		}, func(t Tally) bool { return t.broken() == 0 && t.Checked == 0 }, ""},
		{"nothing when an unanswered delete came to pass", disk, func(w world) {
			for _, x := range []deletion{straddling(w.ops), {op: w.ops[30].op.id}} {
				w.deleting(x)
				w.remove(x, w.ops)
			}
		}, func(t Tally) bool { return t.broken() == 0 && t.Deletes == 0 }, ""},
		{"nothing when it did not", disk, func(w world) {
			w.deleting(straddling(w.ops))
			w.deleting(deletion{op: w.ops[30].op.id})
		}, func(t Tally) bool { return t.broken() == 0 && t.Checked == t.AckedRecords }, ""},
		{"half of an unanswered front", disk, func(w world) {
			w.deleting(straddling(w.ops))
			w.drop(2, 3)
		}, func(t Tally) bool { return t.Gaps == 2 && t.Undeleted == 0 }, "nor deleted"},
		{"a refused delete that came to pass", disk, func(w world) {
			x := deletion{op: w.ops[30].op.id}
			w.deleting(x)
			w.remove(x, w.ops)
			w.refused(x)
		}, func(t Tally) bool { return t.Lost > 0 && t.Gaps == t.Lost }, "is gone"},
		{"an answered delete of a tag that did not", fsync, func(w world) {
			w.deleted(deletion{op: w.ops[30].op.id}, w.answer())
		}, func(t Tally) bool { return t.Undeleted > 0 && t.broken() == t.Undeleted }, "exists again"},
		{"an answered delete of a front that did not", fsync, func(w world) {
			a := w.answer()
			a.EarliestSeq = w.ops[3].first
			w.deleted(deletion{before: w.ops[3].first}, a)
		}, func(t Tally) bool { return t.Undeleted > 0 && t.broken() == t.Undeleted }, "exists again"},
		{"an answer that leaves the front", fsync, func(w world) {
			x := deletion{before: w.ops[3].first}
			w.remove(x, w.ops)
			w.deleted(x, client.Deleted{EarliestSeq: 1, HeadSeq: w.shelf.head})
		}, func(t Tally) bool { return t.broken() == 1 && t.Unexpected == 1 }, "answered with the first seq 1"},
		{"an answered delete that a weak class lost", memory, func(w world) {
			x := deletion{op: w.ops[30].op.id}
			w.deleting(x)
			w.deleted(x, w.answer())
		}, func(t Tally) bool { return t.broken() == 0 && t.Deletes == 1 }, ""},
		{"a neighbour that went along", disk, func(w world) {
			done(w, deletion{op: w.ops[30].op.id})
			w.remove(deletion{op: w.ops[31].op.id}, w.ops)
		}, func(t Tally) bool { return t.Lost > 0 && t.Lost == t.Gaps }, "is gone"},
		{"the rest of a straddled op that went along", disk, func(w world) {
			x := straddling(w.ops)
			done(w, x)
			w.drop(x.before, x.before)
		}, func(t Tally) bool { return t.Gaps == 1 && t.Partial == 1 && t.broken() == 2 }, "of its"},
		{"a tombstone behind what was deleted", memory, func(w world) {
			a, b := w.ops[30], w.ops[31]
			done(w, deletion{op: a.op.id})
			w.remove(deletion{op: b.op.id}, w.ops)
			w.lost = []seqRange{{b.first, b.first + uint64(b.op.count) - 1}}
		}, func(t Tally) bool { return t.broken() == 0 && t.Declared > 0 }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{1, 7, 1000} {
				s, b, ops := history(tt.class, 40)
				tt.plant(world{s, b, ops})
				tally := examine(t, s, b, limit)
				words := strings.Join(b.findings.list(), "\n")
				if !tt.want(tally) || !strings.Contains(words, tt.word) {
					t.Errorf("pages of %d: %+v\n%s", limit, tally, words)
				}
				if (tally.broken() == 0) != (words == "") {
					t.Errorf("pages of %d: %d broken, findings %q", limit, tally.broken(), words)
				}
			}
		})
	}
}

// What one pass found to be deleted must not exist in the next one.
func TestDoubtIsSettledOnce(t *testing.T) {
	s, b, ops := history(disk, 20)
	x, kept := deletion{op: ops[7].op.id}, deletion{op: ops[8].op.id}
	b.deleting(x)
	b.deleting(kept)
	whole := make(map[uint64]client.Record)
	for seq, r := range s.records {
		whole[seq] = r
	}
	s.remove(x, ops)
	if tally := examine(t, s, b, 100); tally.broken() != 0 {
		t.Fatalf("after the kill: %+v %v", tally, b.findings.list())
	}
	s.records = whole
	if tally := examine(t, s, b, 100); tally.Undeleted != int64(ops[7].op.count) {
		t.Fatalf("back after it was gone: %+v", tally)
	}
	s.remove(x, ops)
	s.remove(kept, ops)
	if tally := examine(t, s, b, 100); tally.Lost != int64(ops[8].op.count) {
		t.Fatalf("gone after it was kept: %+v", tally)
	}
}
