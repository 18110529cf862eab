package router

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// AppendStates appends the routers: the next one's id, their number, and of each
//
//	id | name | source | dest | spec | cursor | forwarded | applied
func AppendStates(e *topic.Encoder, nextID uint64, all []Captured) error {
	e.Buf = binary.AppendUvarint(append(e.Buf, topic.SnapshotRouters), nextID)
	e.Buf = binary.AppendUvarint(e.Buf, uint64(len(all)))
	for i := range all {
		s := &all[i]
		spec, err := s.spec.Encode()
		if err != nil {
			return err
		}
		b := record.AppendBytes(binary.AppendUvarint(e.Buf, s.router.ID), []byte(s.router.Name))
		b = record.AppendBytes(binary.AppendUvarint(binary.AppendUvarint(b, s.router.Source.ID), s.router.Dest.ID), spec)
		for _, v := range []uint64{s.cursor, s.forwarded, uint64(s.applied)} {
			b = binary.AppendUvarint(b, v)
		}
		e.Buf = b
	}
	return nil
}

// Captured is the state of a router in a checkpoint.
type Captured struct {
	router            *Router
	spec              Spec
	cursor, forwarded uint64
	applied           wal.LSN
}

// States returns the states of those routers that have not ended.
func States(all []*Router) []Captured {
	kept := make([]Captured, 0, len(all))
	for _, rt := range all {
		rt.Mu.Lock()
		s := Captured{rt, rt.Spec, rt.Cursor, rt.Forwarded, rt.Applied}
		if rt.next != nil { // applied is of the log, and so is all of it
			s.spec = *rt.next
		}
		if !rt.dropped {
			kept = append(kept, s)
		}
		rt.Mu.Unlock()
	}
	return kept
}

// Restore decodes a router. topicOf returns the topic of an id; nil if there is
// none.
func Restore(d *record.Decoder, topicOf func(id uint64) *topic.Topic) *Router {
	rt := &Router{ID: d.Uvarint(), Name: string(d.Bytes()), Visible: true}
	rt.Source, rt.Dest = topicOf(d.Uvarint()), topicOf(d.Uvarint())
	spec := d.Bytes()
	rt.Cursor, rt.Forwarded, rt.Applied = d.Uvarint(), d.Uvarint(), wal.LSN(d.Uvarint())
	if d.Failed() || rt.Source == nil || rt.Dest == nil || rt.Source == rt.Dest || CheckName(rt.Name) != nil || rt.ID == 0 {
		d.Fail()
		return rt
	}
	var err error
	rt.Spec, err = DecodeSpec(spec, rt.Source.Name, rt.Dest.Name)
	if err != nil {
		d.Fail()
	}
	rt.Done, rt.Logged = rt.Cursor, rt.Cursor
	return rt
}
