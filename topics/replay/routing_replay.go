package replay

import (
	"fmt"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Refer sets the function that returns readers of the log that is replayed: a
// forwarded frame refers to earlier ones, which have the records.
func (rp *Replay) Refer(reader func() *wal.Reader) { rp.source = reader }

// recordsOf returns the encoded records of a frame that is replayed.
func (rp *Replay) recordsOf(b entry.Batch) ([]byte, error) {
	if b.Runs == nil {
		return b.Records, nil
	}
	if rp.source == nil {
		return nil, fmt.Errorf("%w: it refers to others, and none can be read", record.ErrMalformed)
	}
	if rp.scratch.frames == nil {
		rp.scratch.frames = topic.NewFrames(rp.source, 0)
	}
	return rp.scratch.frames.Records(b)
}

// routerOp makes a router, or changes one.
type routerOp struct{ *entry.Router }

// replay makes the topics that came with the router, too.
func (op routerOp) replay(rp *Replay, f wal.Frame) error {
	for i, id := range op.Ends() {
		made := &op.Made[i]
		if made.Config == nil {
			continue
		}
		err := rp.replayCreate(id, made)
		if err != nil {
			return err
		}
		err = rp.replayOn(rp.catalog.ByID[id], topic.CreateOp{Create: &entry.Create{ID: id, TS: op.TS, Creation: *made}}, f)
		if err != nil {
			return err
		}
	}
	source, dest := rp.catalog.ByID[op.Source], rp.catalog.ByID[op.Dest]
	if op.Source >= rp.catalog.NextID || op.Dest >= rp.catalog.NextID || router.CheckName(op.Name) != nil {
		return fmt.Errorf("%w: router %d between topics %d and %d", record.ErrMalformed, op.ID, op.Source, op.Dest)
	}
	rp.endRouter(op.Replaces)
	known := op.ID < rp.routers.NextID
	rp.routers.NextID = max(rp.routers.NextID, op.ID+1)
	if source == nil || dest == nil {
		return nil // written before, and ordered after, a topic's drop
	}
	spec, err := router.DecodeSpec(op.Spec, source.Name, dest.Name)
	if err != nil {
		return err
	}
	rt := rp.routers.ByID[op.ID]
	switch {
	case rt != nil && f.LSN < rt.Applied:
		return nil // the checkpoint has it
	case rt != nil && (rt.Source != source || rt.Dest != dest || rt.Name != op.Name):
		return fmt.Errorf("%w: router %d changes its ends", record.ErrMalformed, op.ID)
	case rt != nil:
		rt.Spec = spec
		rt.Moved(op.Cursor, f.End)
		return nil
	case known:
		return nil // written before, and ordered after, its end
	}
	if _, taken := rp.routers.ByName.Get(op.Name); taken {
		return fmt.Errorf("%w: router %d takes a name in use", record.ErrMalformed, op.ID)
	}
	rp.addRouter(&router.Router{
		ID: op.ID, Name: op.Name, Source: source, Dest: dest, Spec: spec,
		Visible: true, Cursor: op.Cursor, Logged: op.Cursor, Done: op.Cursor, Applied: f.End,
	})
	return nil
}

// unrouteOp ends a router.
type unrouteOp struct{ *entry.Unroute }

func (op unrouteOp) replay(rp *Replay, _ wal.Frame) error {
	rp.endRouter(op.Router)
	return nil
}

// addRouter makes a router known. Only in replay.
func (rp *Replay) addRouter(rt *router.Router) {
	rp.routers.ByID[rt.ID] = rt
	rp.routers.Set(rt, &rp.shared.Counters)
	rt.LinkLocked()
}

// endRouter ends a router, if it is there. Only in replay.
func (rp *Replay) endRouter(id uint64) {
	rt := rp.routers.ByID[id]
	if rt == nil {
		return
	}
	rt.Drop()
	router.Unlink(rt)
	delete(rp.routers.ByID, id)
	rp.routers.Remove(rt, &rp.shared.Counters)
}

// forwardFrame moves a router, and publishes what it forwarded.
type forwardFrame struct{ *entry.Forward }

func (op forwardFrame) replay(rp *Replay, f wal.Frame) error {
	rp.replayCursor(op.Forward, f)
	if op.CursorOnly {
		return nil
	}
	return rp.replayTopic(topic.ForwardOp{Forward: op.Forward}, f)
}

// replayCursor moves a router over what a frame forwarded.
func (rp *Replay) replayCursor(e *entry.Forward, f wal.Frame) {
	rt := rp.routers.ByID[e.Router]
	if rt == nil || f.LSN < rt.Applied {
		return
	}
	rt.Moved(e.Cursor, f.End)
	if !e.Trim {
		rt.Forwarded += uint64(e.Count)
	}
}

// restoreRouting is appendRouting's inverse.
func (rp *Replay) restoreRouting(d *record.Decoder) {
	if rp.routers.NextID = d.Uvarint(); rp.routers.NextID == 0 {
		d.Fail()
	}
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		rt := router.Restore(d, func(id uint64) *topic.Topic { return rp.catalog.ByID[id] })
		if d.Failed() {
			return
		}
		_, taken := rp.routers.ByName.Get(rt.Name)
		if taken || rt.ID >= rp.routers.NextID || rp.routers.ByID[rt.ID] != nil {
			d.Fail()
			return
		}
		rp.addRouter(rt)
	}
}
