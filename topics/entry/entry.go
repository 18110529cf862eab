package entry

import (
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
)

// Type is the number of an entry in its frame.
type Type byte

// The entries' numbers.
const (
	TypeAppend     Type = 1
	TypeCreate     Type = 2
	TypeConfig     Type = 3
	TypeDrop       Type = 4
	TypeReserve    Type = 5
	TypeLost       Type = 6
	TypeWatermarks Type = 7
	TypeDelete     Type = 8
	TypeRouter     Type = 9
	TypeUnroute    Type = 10
	TypeForward    Type = 11
	TypeSettle     Type = 12
	TypeJobs       Type = 13
)

// row is the table's row for an entry.
type row struct {
	name string // as descriptions have it
	make func() Entry
}

// table has one row for each entry.
var table = [...]row{
	TypeAppend:     {"append", func() Entry { return new(Append) }},
	TypeCreate:     {"create", func() Entry { return new(Create) }},
	TypeConfig:     {"config", func() Entry { return new(Config) }},
	TypeDrop:       {"drop", func() Entry { return new(Drop) }},
	TypeReserve:    {"reserve", func() Entry { return new(Reserve) }},
	TypeLost:       {"lost", func() Entry { return new(Lost) }},
	TypeWatermarks: {"floors", func() Entry { return new(Watermarks) }},
	TypeDelete:     {"delete", func() Entry { return new(Delete) }},
	TypeRouter:     {"router", func() Entry { return new(Router) }},
	TypeUnroute:    {"unroute", func() Entry { return new(Unroute) }},
	TypeForward:    {"forward", func() Entry { return new(Forward) }},
	TypeSettle:     {"settle", func() Entry { return new(Settle) }},
	TypeJobs:       {"jobs", func() Entry { return new(Jobs) }},
}

// rowOf returns the row of a type; nil if there is no such entry.
func rowOf(typ Type) *row {
	if int(typ) >= len(table) || table[typ].make == nil {
		return nil
	}
	return &table[typ]
}

// String returns the entry's name.
func (t Type) String() string {
	r := rowOf(t)
	if r == nil {
		return fmt.Sprintf("type %d", byte(t))
	}
	return r.name
}

// Entry is an entry of the log.
type Entry interface {
	// Type returns the number that the entry's frame has.
	Type() Type
	// Time returns when the server took the entry, in Unix milliseconds, and
	// false for an entry that does not say.
	Time() (ms int64, known bool)
	// Encode appends the payload to dst, without the encoded records that
	// follow it.
	Encode(dst []byte) ([]byte, error)

	// decode is the inverse of Encode, and takes the records, too. It sets all
	// fields. Byte slices alias what d decodes.
	decode(d *record.Decoder)
	// describe sets the fields of out that the entry has something to say about,
	// but for the type.
	describe(out *Description) error
}

// New returns an empty entry of that type; nil if there is no such type.
func New(typ Type) Entry {
	r := rowOf(typ)
	if r == nil {
		return nil
	}
	return r.make()
}

// Decode returns the entry of a frame. Its byte slices alias the payload. It
// keeps no more memory than the payload takes, whatever the payload says.
func Decode(typ byte, payload []byte) (Entry, error) {
	return new(Decoder).Decode(typ, payload)
}

// Decoder decodes entries one after the other and allocates no entry twice.
type Decoder struct {
	entries [len(table)]Entry
	payload record.Decoder
}

// Decode is like the function Decode, but the entry holds only until the next
// one of its type is decoded.
func (c *Decoder) Decode(typ byte, payload []byte) (Entry, error) {
	if rowOf(Type(typ)) == nil {
		return nil, malformed(Type(typ), payload)
	}
	e := c.entries[typ]
	if e == nil {
		e = New(Type(typ))
		c.entries[typ] = e
	}
	c.payload = record.NewDecoder(payload)
	d := &c.payload
	e.decode(d)
	if d.Failed() || d.Left() > 0 {
		return nil, malformed(Type(typ), payload)
	}
	return e, nil
}

func malformed(typ Type, payload []byte) error {
	return fmt.Errorf("%w: type %d, %d bytes", record.ErrMalformed, byte(typ), len(payload))
}

// Time returns when the server took the entry of a frame, in Unix milliseconds,
// and false for a frame that does not say.
func Time(typ byte, payload []byte) (ms int64, known bool) {
	e, err := Decode(typ, payload)
	if err != nil {
		return 0, false
	}
	return e.Time()
}
