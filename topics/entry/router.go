package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// Router makes a router, or changes the spec of one that is there.
type Router struct {
	ID       uint64 // of the router
	Replaces uint64 // the router whose place it takes; 0 if there is none
	TS       int64  // Unix ms
	Name     string
	Source   uint64      // the topic's id
	Dest     uint64      // the topic's id
	Cursor   uint64      // the last seq of the source that the router is done with
	Spec     []byte      // JSON
	Made     [2]Creation // source and destination: a config if the entry made the topic
}

const (
	routerMakesSource = 1 << iota
	routerMakesDest
)

// Type returns TypeRouter.
func (*Router) Type() Type { return TypeRouter }

// Time returns when the router was made or changed.
func (e *Router) Time() (int64, bool) { return e.TS, true }

// Encode appends flags, id, replaces, ts, name, source, dest, cursor, spec,
// [source's name, config, ceiling], [destination's].
func (e *Router) Encode(dst []byte) ([]byte, error) {
	var flags byte
	for i := range e.Made {
		if e.Made[i].Config != nil {
			flags |= routerMakesSource << i
		}
	}
	dst = binary.AppendUvarint(binary.AppendUvarint(append(dst, flags), e.ID), e.Replaces)
	dst = record.AppendBytes(binary.AppendVarint(dst, e.TS), []byte(e.Name))
	for _, v := range [...]uint64{e.Source, e.Dest, e.Cursor} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = record.AppendBytes(dst, e.Spec)
	for i := range e.Made {
		if e.Made[i].Config == nil {
			continue
		}
		var err error
		dst, err = e.Made[i].encode(dst)
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (e *Router) decode(d *record.Decoder) {
	flags := d.Byte()
	*e = Router{
		ID: d.Uvarint(), Replaces: d.Uvarint(), TS: d.Varint(), Name: string(d.Bytes()),
		Source: d.Uvarint(), Dest: d.Uvarint(), Cursor: d.Uvarint(), Spec: d.Bytes(),
	}
	for i := range e.Made {
		if flags&(routerMakesSource<<i) != 0 {
			e.Made[i] = decodeCreation(d)
		}
	}
	if flags > routerMakesSource|routerMakesDest || e.ID == 0 || e.Source == 0 || e.Dest == 0 || e.Source == e.Dest {
		d.Fail()
	}
}

// Ends returns the ids of the source and the destination.
func (e *Router) Ends() [2]uint64 { return [2]uint64{e.Source, e.Dest} }

func (e *Router) describe(out *Description) error {
	out.Router, out.TS, out.Name, out.Source, out.Topic = e.ID, e.TS, e.Name, e.Source, e.Dest
	out.Cursor, out.Spec = e.Cursor, e.Spec
	for i, id := range e.Ends() {
		if e.Made[i].Config != nil {
			out.Made = append(out.Made, NamedTopic{id, e.Made[i].Name})
		}
	}
	return nil
}

// Unroute ends a router.
type Unroute struct {
	Router uint64
	TS     int64 // Unix ms; 0 if the entry does not say
}

// Type returns TypeUnroute.
func (*Unroute) Type() Type { return TypeUnroute }

// Time returns when the router was deleted.
func (e *Unroute) Time() (int64, bool) { return e.TS, e.TS != 0 }

// Encode appends the router's id, [ts].
func (e *Unroute) Encode(dst []byte) ([]byte, error) {
	return appendEnd(dst, e.Router, e.TS), nil
}

func (e *Unroute) decode(d *record.Decoder) { e.Router, e.TS = decodeEnd(d) }

func (e *Unroute) describe(out *Description) error {
	out.Router, out.TS = e.Router, e.TS
	return nil
}
