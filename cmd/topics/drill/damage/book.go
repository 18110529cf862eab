package damage

import (
	"fmt"
	"maps"

	"github.com/zeebo/xxh3"
)

// class is a durability class as the wire names it.
type class string

const (
	ephemeral class = "ephemeral"
	memory    class = "memory"
	disk      class = "disk"
	fsync     class = "fsync"
)

// book is everything that clients were promised: the topics by name.
type book map[string]*pages

// clone copies the book.
func (b book) clone() book {
	out := book{}
	for name, p := range b {
		out[name] = p.clone()
	}
	return out
}

// pages is the part of a book about one topic.
type pages struct {
	class class
	// name is the topic's present name. A repair that found no name for it
	// made one up.
	name string
	// records has the promise for each seq, deleted ones included.
	records map[uint64]entry
	deleted map[uint64]bool
	// routed: a router writes it, so it gets records that were not acked here.
	routed bool
	// loose: what is not in the book may be there, for a loss that nothing
	// proves took the deletes or made the topic another one.
	loose bool
	// traced: something that is left in the damaged directory has its name.
	// Otherwise no repair can bring the topic back, nor report it.
	traced bool
	// keys are idempotency keys by the first seq of their write.
	keys map[uint64]string
}

// entry is one record.
type entry struct {
	sum uint64 // of its data
	tag string
}

func newPages(name string, c class, routed bool) *pages {
	return &pages{class: c, name: name, routed: routed, records: map[uint64]entry{}, deleted: map[uint64]bool{}, keys: map[uint64]string{}}
}

func (p *pages) clone() *pages {
	c := *p
	c.records, c.deleted, c.keys = maps.Clone(p.records), maps.Clone(p.deleted), maps.Clone(p.keys)
	return &c
}

func sumOf(data []byte) uint64 { return xxh3.Hash(data) }

// promise notes that a record was acknowledged at seq. It returns what is wrong
// with that.
func (p *pages) promise(seq uint64, e entry) (breach, bool) {
	if old, given := p.records[seq]; given && old != e {
		return breach{reused, fmt.Sprintf("topic %s: seq %d was given to a second record", p.name, seq)}, true
	}
	p.records[seq] = e
	return breach{}, false
}

// remove notes a delete that was answered.
func (p *pages) remove(gone func(seq uint64, e entry) bool) {
	for seq, e := range p.records {
		if gone(seq, e) {
			p.deleted[seq] = true
		}
	}
}

// forget takes back what was promised at the seqs from first to last.
func (p *pages) forget(first, last uint64) {
	for seq := range p.records {
		if seq >= first && seq <= last {
			delete(p.records, seq)
			delete(p.deleted, seq)
			delete(p.keys, seq)
		}
	}
}
