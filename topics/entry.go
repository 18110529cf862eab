package topics

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
)

// What a frame of the log says, by its type. Numbers in payloads are varints;
// strings and byte strings have a varint length before them.
const (
	entryAppend  byte = 1  // flags, id, first, ts, count, [key], [name, config, ceiling], records
	entryCreate  byte = 2  // id, ts, name, config, ceiling
	entryConfig  byte = 3  // id, ts, head, config, ceiling
	entryDrop    byte = 4  // id
	entryReserve byte = 5  // id, ceiling, [highest seq given out before it]
	entryLost    byte = 6  // id, from, to, reason
	entryFloors  byte = 7  // number of topics; of each id, seq evicted through by a cap, by the ttl
	entryDelete  byte = 8  // flags, id, ts, last seq that may go, [tag predicate]
	entryRouter  byte = 9  // flags, router, the one it replaces, ts, name, source, dest, cursor, spec, [source], [dest]
	entryUnroute byte = 10 // router
	entryForward byte = 11 // flags, router, cursor, id, first, ts, count, runs, records or way
)

const (
	flagCreates = 1 << iota // the write made its topic
	flagKeyed               // the write has an idempotency key
)

const (
	flagMatches = 1 << iota // entryDelete: only records that match
	flagPrefix              // the predicate is a prefix, not the whole tag
)

// entryRouter: the ends that it made follow, each as name, config, ceiling.
const (
	flagMakesSource = 1 << iota
	flagMakesDest
)

// entryForward: what there is instead of runs.
const (
	flagCopies = 1 << iota // the records
	flagTrim               // their way: the source has lost that many
	flagNote               // nothing: the records went to an ephemeral topic
)

// entry is a decoded frame. Which fields count depends on the type. Byte
// slices alias the frame.
type entry struct {
	typ     byte
	id      uint64
	ts      int64
	create  bool // entryAppend: name, config and ceiling are set
	name    string
	config  *record.Config
	ceiling uint64
	first   uint64 // entryAppend; entryLost: from
	last    uint64 // entryLost: to; entryConfig: head; entryDelete: the last that may go; entryReserve: the last that was given out
	count   int
	key     []byte
	reason  string
	floors  []floors
	match   *record.Match // entryDelete; nil: all
	records []byte        // count encoded records

	router   uint64        // entryRouter, entryUnroute, entryForward
	replaces uint64        // entryRouter: the router whose place it takes; 0: none
	cursor   uint64        // entryRouter, entryForward: the last seq of the source that is done with
	source   uint64        // entryRouter; the destination is id
	spec     []byte        // entryRouter: JSON
	made     [2]*madeTopic // entryRouter: source and destination, if it made them
	runs     []reference   // entryForward: where the records are, unless they are in it
	trim     bool          // entryForward
	way      []byte        // of a trim: of the records that are lost
	note     bool          // entryForward

	// entryDelete, not in the log: the seqs that match, unless that is to be
	// found out, and, once it is applied, what went.
	matched *seqSet
	deleted record.Size
}

// madeTopic is a topic that came with its router.
type madeTopic struct {
	id      uint64
	name    string
	config  *record.Config
	ceiling uint64
}

// floors are how far a topic's records are gone.
type floors struct{ id, byCap, byTTL uint64 }

// encode returns the frame's payload but for the records.
func (e *entry) encode(dst []byte) ([]byte, error) {
	var flags byte
	if e.create {
		flags |= flagCreates
	}
	if e.key != nil {
		flags |= flagKeyed
	}
	switch e.typ {
	case entryAppend:
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, e.id)
		dst = binary.AppendUvarint(dst, e.first)
		dst = binary.AppendVarint(dst, e.ts)
		dst = binary.AppendUvarint(dst, uint64(e.count))
		if e.key != nil {
			dst = record.AppendBytes(dst, e.key)
		}
		if !e.create {
			return dst, nil
		}
		return e.encodeConfig(record.AppendBytes(dst, []byte(e.name)))
	case entryCreate:
		dst = binary.AppendVarint(binary.AppendUvarint(dst, e.id), e.ts)
		return e.encodeConfig(record.AppendBytes(dst, []byte(e.name)))
	case entryConfig:
		dst = binary.AppendVarint(binary.AppendUvarint(dst, e.id), e.ts)
		return e.encodeConfig(binary.AppendUvarint(dst, e.last))
	case entryDrop:
		return binary.AppendUvarint(dst, e.id), nil
	case entryReserve:
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, e.id), e.ceiling)
		if e.last > 0 {
			dst = binary.AppendUvarint(dst, e.last)
		}
		return dst, nil
	case entryLost:
		for _, v := range []uint64{e.id, e.first, e.last} {
			dst = binary.AppendUvarint(dst, v)
		}
		return record.AppendBytes(dst, []byte(e.reason)), nil
	case entryDelete:
		if e.match != nil {
			if flags = flagMatches; e.match.Prefix {
				flags |= flagPrefix
			}
		}
		dst = binary.AppendUvarint(append(dst, flags), e.id)
		dst = binary.AppendUvarint(binary.AppendVarint(dst, e.ts), e.last)
		if e.match != nil {
			dst = record.AppendBytes(dst, []byte(e.match.Value))
		}
		return dst, nil
	case entryFloors:
		dst = binary.AppendUvarint(dst, uint64(len(e.floors)))
		for _, f := range e.floors {
			for _, v := range []uint64{f.id, f.byCap, f.byTTL} {
				dst = binary.AppendUvarint(dst, v)
			}
		}
		return dst, nil
	case entryRouter, entryUnroute, entryForward:
		return e.encodeRouting(dst)
	}
	return nil, fmt.Errorf("%w: type %d", record.ErrMalformed, e.typ)
}

func (e *entry) encodeConfig(dst []byte) ([]byte, error) {
	b, err := json.Marshal(e.config)
	if err != nil {
		return nil, fmt.Errorf("topics: encode config: %w", err)
	}
	return binary.AppendUvarint(record.AppendBytes(dst, b), e.ceiling), nil
}

// decodeEntry is encode's inverse; it never panics and keeps no more than the
// payload holds.
func decodeEntry(typ byte, payload []byte) (entry, error) {
	e := entry{typ: typ}
	d := record.NewDecoder(payload)
	switch typ {
	case entryAppend:
		flags := d.Byte()
		e.id, e.first, e.ts = d.Uvarint(), d.Uvarint(), d.Varint()
		e.count = int(d.Uvarint())
		if flags&flagKeyed != 0 {
			e.key = d.Bytes()
		}
		if e.create = flags&flagCreates != 0; e.create {
			e.name = string(d.Bytes())
			e.config, e.ceiling = d.Config(), d.Uvarint()
		}
		e.records = d.TakeAll()
		if flags&^(flagCreates|flagKeyed) != 0 || e.count < 1 || e.count > len(e.records) || e.first == 0 {
			d.Fail()
		}
	case entryCreate:
		e.id, e.ts, e.name = d.Uvarint(), d.Varint(), string(d.Bytes())
		e.config, e.ceiling = d.Config(), d.Uvarint()
	case entryConfig:
		e.id, e.ts, e.last = d.Uvarint(), d.Varint(), d.Uvarint()
		e.config, e.ceiling = d.Config(), d.Uvarint()
	case entryDrop:
		e.id = d.Uvarint()
	case entryReserve:
		e.id, e.ceiling = d.Uvarint(), d.Uvarint()
		if d.Left() > 0 {
			if e.last = d.Uvarint(); e.last == 0 || e.last > e.ceiling {
				d.Fail()
			}
		}
	case entryLost:
		e.id, e.first, e.last, e.reason = d.Uvarint(), d.Uvarint(), d.Uvarint(), string(d.Bytes())
		if e.first == 0 || e.last < e.first {
			d.Fail()
		}
	case entryDelete:
		flags := d.Byte()
		e.id, e.ts, e.last = d.Uvarint(), d.Varint(), d.Uvarint()
		if flags&flagMatches != 0 {
			e.match = &record.Match{Value: string(d.Bytes()), Prefix: flags&flagPrefix != 0}
		}
		if flags > flagMatches|flagPrefix || flags == flagPrefix {
			d.Fail()
		}
	case entryFloors:
		for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
			e.floors = append(e.floors, floors{d.Uvarint(), d.Uvarint(), d.Uvarint()})
		}
	case entryRouter, entryUnroute, entryForward:
		decodeRouting(&d, &e)
	default:
		d.Fail()
	}
	if d.Failed() || d.Left() > 0 {
		return entry{}, fmt.Errorf("%w: type %d, %d bytes", record.ErrMalformed, typ, len(payload))
	}
	return e, nil
}
