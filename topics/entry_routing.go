package topics

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
)

// encodeRouting is encode for the entries of routers.
func (e *entry) encodeRouting(dst []byte) ([]byte, error) {
	switch e.typ {
	case entryUnroute:
		return binary.AppendUvarint(dst, e.router), nil
	case entryRouter:
		var flags byte
		if e.made[0] != nil {
			flags |= flagMakesSource
		}
		if e.made[1] != nil {
			flags |= flagMakesDest
		}
		dst = binary.AppendUvarint(binary.AppendUvarint(append(dst, flags), e.router), e.replaces)
		dst = record.AppendBytes(binary.AppendVarint(dst, e.ts), []byte(e.name))
		for _, v := range []uint64{e.source, e.id, e.cursor} {
			dst = binary.AppendUvarint(dst, v)
		}
		dst = record.AppendBytes(dst, e.spec)
		for _, m := range e.made {
			if m == nil {
				continue
			}
			c, err := json.Marshal(m.config)
			if err != nil {
				return nil, fmt.Errorf("topics: encode config: %w", err)
			}
			dst = record.AppendBytes(record.AppendBytes(dst, []byte(m.name)), c)
			dst = binary.AppendUvarint(dst, m.ceiling)
		}
		return dst, nil
	}
	var flags byte
	switch {
	case e.trim:
		flags = flagTrim
	case e.note:
		flags = flagNote
	case e.runs == nil:
		flags = flagCopies
	}
	dst = append(dst, flags)
	for _, v := range []uint64{e.router, e.cursor, e.id, e.first} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendUvarint(binary.AppendVarint(dst, e.ts), uint64(e.count))
	switch {
	case e.trim:
		dst = record.AppendBytes(dst, e.way)
	case e.runs != nil:
		dst = appendRuns(dst, e.runs)
	}
	return dst, nil
}

// routing is encodeRouting's inverse.
func decodeRouting(d *record.Decoder, e *entry) {
	switch e.typ {
	case entryUnroute:
		e.router = d.Uvarint()
	case entryRouter:
		flags := d.Byte()
		e.router, e.replaces, e.ts, e.name = d.Uvarint(), d.Uvarint(), d.Varint(), string(d.Bytes())
		e.source, e.id, e.cursor, e.spec = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Bytes()
		for i, id := range []uint64{e.source, e.id} {
			if flags&(flagMakesSource<<i) != 0 {
				e.made[i] = &madeTopic{id: id, name: string(d.Bytes()), config: d.Config(), ceiling: d.Uvarint()}
			}
		}
		if flags > flagMakesSource|flagMakesDest || e.router == 0 || e.source == 0 || e.id == 0 || e.source == e.id {
			d.Fail()
		}
	case entryForward:
		flags := d.Byte()
		e.router, e.cursor, e.id, e.first = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Uvarint()
		e.ts = d.Varint()
		count := d.Uvarint()
		e.count = int(count)
		e.trim, e.note = flags == flagTrim, flags == flagNote
		if e.router == 0 || count == 0 && !e.note || count >= 1<<62 || e.note != (e.id == 0) || e.first == 0 && !e.note {
			d.Fail()
		}
		switch flags {
		case flagNote:
		case flagTrim:
			e.way = d.Bytes()
		case flagCopies:
			if e.records = d.TakeAll(); count > uint64(len(e.records)) {
				d.Fail()
			}
		case 0:
			e.runs = decodeRuns(d, e.count)
		default:
			d.Fail()
		}
	}
}
