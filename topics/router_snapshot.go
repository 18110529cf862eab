package topics

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// appendRouting appends the routers: the next one's id, their number, and of each
//
//	id | name | source | dest | spec | cursor | forwarded | applied
func appendRouting(e *topic.Encoder, nextID uint64, all []routerState) error {
	e.Buf = binary.AppendUvarint(append(e.Buf, topic.SnapshotRouters), nextID)
	e.Buf = binary.AppendUvarint(e.Buf, uint64(len(all)))
	for i := range all {
		s := &all[i]
		spec, err := s.spec.encode()
		if err != nil {
			return err
		}
		b := record.AppendBytes(binary.AppendUvarint(e.Buf, s.router.id), []byte(s.router.name))
		b = record.AppendBytes(binary.AppendUvarint(binary.AppendUvarint(b, s.router.source.ID), s.router.dest.ID), spec)
		for _, v := range []uint64{s.cursor, s.forwarded, uint64(s.applied)} {
			b = binary.AppendUvarint(b, v)
		}
		e.Buf = b
	}
	return nil
}

// routerState is the state of a router in a checkpoint.
type routerState struct {
	router            *router
	spec              RouterSpec
	cursor, forwarded uint64
	applied           wal.LSN
}

// routerStates returns the states of those routers that have not ended.
func routerStates(all []*router) []routerState {
	kept := make([]routerState, 0, len(all))
	for _, rt := range all {
		rt.mu.Lock()
		s := routerState{rt, rt.spec, rt.cursor, rt.forwarded, rt.applied}
		if rt.next != nil { // applied is of the log, and so is all of it
			s.spec = *rt.next
		}
		if !rt.dropped {
			kept = append(kept, s)
		}
		rt.mu.Unlock()
	}
	return kept
}

// restoreRouter decodes a router. topicOf returns the topic of an id; nil if there is
// none.
func restoreRouter(d *record.Decoder, topicOf func(id uint64) *topic.Topic) *router {
	rt := &router{id: d.Uvarint(), name: string(d.Bytes()), visible: true}
	rt.source, rt.dest = topicOf(d.Uvarint()), topicOf(d.Uvarint())
	spec := d.Bytes()
	rt.cursor, rt.forwarded, rt.applied = d.Uvarint(), d.Uvarint(), wal.LSN(d.Uvarint())
	if d.Failed() || rt.source == nil || rt.dest == nil || rt.source == rt.dest || CheckRouterName(rt.name) != nil || rt.id == 0 {
		d.Fail()
		return rt
	}
	var err error
	rt.spec, err = decodeSpec(spec, rt.source.Name, rt.dest.Name)
	if err != nil {
		d.Fail()
	}
	rt.done, rt.logged = rt.cursor, rt.cursor
	return rt
}
