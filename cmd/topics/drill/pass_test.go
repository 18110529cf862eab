package drill

import (
	"bytes"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// shelf is a server's content of one topic: records by seq, lost ranges, head.
type shelf struct {
	plan    plan
	records map[uint64]client.Record
	lost    []seqRange
	head    uint64
}

func newShelf(p plan) *shelf { return &shelf{plan: p, records: make(map[uint64]client.Record)} }

// put appends an op's records and returns the first seq.
func (s *shelf) put(o op) uint64 {
	first := s.head + 1
	for i := range o.count {
		s.head++
		s.records[s.head] = client.Record{
			Seq: s.head, Tag: new(o.tag()), Node: new(o.node()), Meta: o.meta(),
			Data: s.plan.appendData(nil, o, i),
		}
	}
	return first
}

// drop removes records silently.
func (s *shelf) drop(first, last uint64) {
	for seq := first; seq <= last; seq++ {
		delete(s.records, seq)
	}
}

// page answers a read according to the contract, with at most limit records.
func (s *shelf) page(from uint64, limit int) *client.Batch {
	p := &client.Batch{NextFrom: from, HeadSeq: s.head}
	for _, r := range s.lost {
		if r.first <= p.NextFrom+1 && p.NextFrom < r.last {
			p.Tombstone = &client.Tombstone{GapFrom: p.NextFrom + 1, GapTo: r.last, Reason: "crash"}
			p.NextFrom = r.last
		}
	}
	for p.NextFrom < s.head && len(p.Records) < limit {
		for _, r := range s.lost {
			if r.first == p.NextFrom+1 {
				return p
			}
		}
		p.NextFrom++
		if r, ok := s.records[p.NextFrom]; ok {
			p.Records = append(p.Records, r)
		}
	}
	p.CaughtUp = p.NextFrom == s.head
	return p
}

// examine reads the shelf in pages of limit and returns the book's tally.
func examine(t *testing.T, s *shelf, b *book, limit int) Tally {
	t.Helper()
	p := b.begin()
	from, more := uint64(0), true
	for pages := 0; more; pages++ {
		if pages > 100_000 {
			t.Fatal("the pass does not end")
		}
		from, more = p.add(s.page(from, limit))
	}
	p.end()
	return b.counted()
}

// history returns a shelf and a book that agree: n ops, all acknowledged.
func history(c class, n int) (*shelf, *book, []acked) {
	p := plan{seed: 42}
	s, b := newShelf(p), newBook("t", c, p, &findings{})
	var ops []acked
	for i := range n {
		o := p.op(opID{writer: 3, number: uint32(i)})
		first := s.put(o)
		b.acked(o, first, false)
		ops = append(ops, acked{o, first})
	}
	return s, b, ops
}

// bigOp returns the first op with at least n records.
func bigOp(ops []acked, n int) acked {
	for _, a := range ops {
		if a.op.count >= n {
			return a
		}
	}
	panic("no op is that big")
}

func TestPassFinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		class class
		plant func(s *shelf, b *book, ops []acked)
		want  func(Tally) bool // the injected fault, and no other
		word  string           // part of a finding
	}{
		{"nothing in a whole topic", fsync, func(*shelf, *book, []acked) {},
			func(t Tally) bool { return t.broken() == 0 && t.Checked == t.AckedRecords }, ""},
		{"a whole batch that was never acked is fine", disk, func(s *shelf, b *book, ops []acked) {
			s.put(s.plan.op(opID{writer: 9, number: 1}))
		}, func(t Tally) bool { return t.broken() == 0 && t.Checked > t.AckedRecords }, ""},
		{"a lost write", disk, func(s *shelf, b *book, ops []acked) {
			a := ops[5]
			s.drop(a.first, a.first+uint64(a.op.count)-1)
		}, func(t Tally) bool { return t.Lost > 0 && t.Lost == t.Gaps && t.broken() == t.Lost+t.Gaps }, "is gone"},
		{"a lost tail", fsync, func(s *shelf, b *book, ops []acked) {
			a := ops[len(ops)-1]
			s.drop(a.first, s.head)
			s.head = a.first - 1
		}, func(t Tally) bool { return t.Lost > 0 && t.Gaps == t.Lost }, "head went back"},
		{"a declared loss is a loss where the class survives", fsync, func(s *shelf, b *book, ops []acked) {
			a := ops[len(ops)-1]
			s.drop(a.first, s.head)
			s.lost = []seqRange{{a.first, s.head}}
		}, func(t Tally) bool { return t.Lost > 0 && t.broken() == t.Lost }, "is gone"},
		{"a declared loss is none for memory", memory, func(s *shelf, b *book, ops []acked) {
			a := ops[len(ops)-2]
			s.drop(a.first, s.head)
			s.lost = []seqRange{{a.first, s.head + 50}}
			s.head += 50
		}, func(t Tally) bool { return t.Declared > 0 && t.broken() == 0 }, ""},
		{"a loss that no tombstone covers", memory, func(s *shelf, b *book, ops []acked) {
			s.drop(ops[len(ops)-1].first, s.head)
		}, func(t Tally) bool { return t.Gaps > 0 && t.Lost == 0 && t.broken() == t.Gaps }, "neither delivered, nor deleted"},
		{"all of an ephemeral topic, declared", ephemeral, func(s *shelf, b *book, ops []acked) {
			s.drop(1, s.head)
			s.lost = []seqRange{{1, s.head}}
		}, func(t Tally) bool { return t.Declared == t.AckedRecords && t.broken() == 0 }, ""},
		{"an op appended twice", fsync, func(s *shelf, b *book, ops []acked) {
			s.put(ops[2].op)
		}, func(t Tally) bool { return t.Duplicates > 0 && t.Lost == 0 && t.Reused == 0 }, "and at"},
		{"a batch without its end", disk, func(s *shelf, b *book, ops []acked) {
			first := s.put(bigOp(ops, 3).op)
			a := acked{s.plan.op(opID{writer: 8, number: ops[0].op.id.number}), first}
			s.drop(first, s.head)
			s.head = first - 1
			for a.op.count < 3 {
				a.op = s.plan.op(opID{writer: 8, number: a.op.id.number + 1})
			}
			s.put(a.op)
			s.drop(s.head, s.head)
			s.head--
		}, func(t Tally) bool { return t.Partial == 1 && t.Lost == 0 }, "records"},
		{"a batch with a hole, declared or not", memory, func(s *shelf, b *book, ops []acked) {
			a := bigOp(ops, 3)
			s.drop(a.first+1, a.first+1)
			s.lost = []seqRange{{a.first + 1, a.first + 1}}
		}, func(t Tally) bool { return t.Partial == 1 && t.Gaps == 0 }, "records"},
		{"a seq given twice", ephemeral, func(s *shelf, b *book, ops []acked) {
			a := ops[len(ops)-1]
			s.drop(a.first, s.head)
			s.head = a.first - 1
			s.put(s.plan.op(opID{writer: 9, number: 7}))
		}, func(t Tally) bool { return t.Reused == 1 }, "held"},
		{"a changed byte", disk, func(s *shelf, b *book, ops []acked) {
			r := s.records[ops[1].first]
			r.Data = bytes.Replace(r.Data, []byte(`"padding":"`), []byte(`"padding":"!`), 1)
			s.records[ops[1].first] = r
		}, func(t Tally) bool { return t.Damaged == 1 && t.broken() == 1 }, "data differs"},
		{"a lost tag", disk, func(s *shelf, b *book, ops []acked) {
			r := s.records[ops[1].first]
			r.Tag = nil
			s.records[ops[1].first] = r
		}, func(t Tally) bool { return t.Damaged == 1 && t.broken() == 1 }, "$tag"},
		{"somebody else's record", disk, func(s *shelf, b *book, ops []acked) {
			r := s.records[ops[1].first]
			r.Data = []byte(`[1,2]`)
			s.records[ops[1].first] = r
		}, func(t Tally) bool { return t.Damaged == 1 }, "not a drill payload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{1, 7, 1000} {
				s, b, ops := history(tt.class, 40)
				tt.plant(s, b, ops)
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

// Duplicates and reused seqs are found across boots.
func TestPassAcrossBoots(t *testing.T) {
	s, b, ops := history(memory, 20)
	if tally := examine(t, s, b, 100); tally.broken() != 0 {
		t.Fatalf("after boot 1: %+v %v", tally, b.findings.list())
	}

	// Boot 2: one op is acknowledged, read, lost and reported; then it is sent
	// again.
	o := b.plan.op(opID{writer: 5, number: 1})
	first := s.put(o)
	b.acked(o, first, false)
	s.drop(first, s.head)
	s.head += 10
	s.lost = []seqRange{{first, s.head}}
	if tally := examine(t, s, b, 100); tally.broken() != 0 || tally.Declared != int64(o.count) {
		t.Fatalf("after boot 2: %+v %v", tally, b.findings.list())
	}
	b.acked(o, s.put(o), false)
	if tally := examine(t, s, b, 100); tally.broken() != 0 {
		t.Fatalf("after boot 3: %+v %v", tally, b.findings.list())
	}

	// Boot 4: an old op appears again.
	s.put(ops[0].op)
	if tally := examine(t, s, b, 100); tally.Duplicates == 0 {
		t.Fatalf("a duplicate of boot 1 was not found: %+v", tally)
	}
}

func TestBookRepeats(t *testing.T) {
	_, b, ops := history(fsync, 3)
	b.repeated(ops[0].op, ops[0].first, true)
	if tally := b.counted(); tally.broken() != 0 || tally.Deduped != 1 {
		t.Errorf("a deduplicated repeat: %+v", tally)
	}
	b.repeated(ops[1].op, 1000, false)
	if tally := b.counted(); tally.Duplicates != 1 {
		t.Errorf("a repeat that was appended: %+v", tally)
	}
	b.repeated(ops[2].op, 2000, true)
	if tally := b.counted(); tally.Duplicates != 2 {
		t.Errorf("a repeat answered with other seqs: %+v", tally)
	}
}

func TestPassProtocol(t *testing.T) {
	for _, tt := range []struct {
		name string
		page client.Batch
	}{
		{"caught up below the head", client.Batch{NextFrom: 3, HeadSeq: 5, CaughtUp: true}},
		{"at the head and not caught up", client.Batch{NextFrom: 5, HeadSeq: 5}},
		{"a tombstone that begins before the cursor", client.Batch{NextFrom: 5, HeadSeq: 5, CaughtUp: true, Tombstone: &client.Tombstone{GapFrom: 0, GapTo: 5, Reason: "crash"}}},
		{"a tombstone of a cap", client.Batch{NextFrom: 5, HeadSeq: 5, CaughtUp: true, Tombstone: &client.Tombstone{GapFrom: 1, GapTo: 5, Reason: "cap"}}},
		{"a cursor that stands still", client.Batch{NextFrom: 0, HeadSeq: 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook("t", memory, plan{seed: 1}, &findings{})
			p := b.begin()
			if _, more := p.add(&tt.page); more {
				t.Error("the pass goes on")
			}
			if tally := b.counted(); tally.Unexpected == 0 {
				t.Errorf("not found: %+v", tally)
			}
		})
	}
}
