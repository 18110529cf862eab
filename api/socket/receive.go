package socket

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// inbox is what it takes to read one message and decode its records. A socket
// has one only from a message's first byte until its command is carried out.
type inbox struct {
	in      []byte
	records []record.Record
}

var inboxes = sync.Pool{New: func() any { return new(inbox) }}

// receive reads one message and carries it out. It is false when nothing can
// follow.
func (so *Socket) receive(kind websocket.MessageType, src io.Reader) bool {
	set, c := so.set, so.call
	box := inboxes.Get().(*inbox)
	c.In, c.Records = box.in, box.records
	defer func() {
		c.Give()
		clear(c.Records)
		box.in, box.records = call.Keep(c.In, call.FirstRead), call.Keep(c.Records, call.KeepRecords)
		c.In, c.Records = nil, nil
		inboxes.Put(box)
	}()
	if kind != websocket.MessageText {
		so.end(websocket.StatusUnsupportedData, wire.Invalid("a message must be text"))
		return false
	}
	so.late.Reset(set.Limits.BodyTimeout)
	defer so.late.Stop()
	limit := set.Limits.MaxBodyBytes
	message, err := c.ReadMessage(src, so.giveUp)
	var refused *wire.Error
	switch {
	case err == nil:
	case !errors.As(err, &refused):
		return false // the connection's
	case refused.Status == http.StatusRequestEntityTooLarge:
		so.end(websocket.StatusMessageTooBig, refused)
		return false
	default: // no memory at this moment: what is left of the message goes by
		if n, err := io.CopyN(io.Discard, src, limit); err != io.EOF || n == limit {
			so.end(websocket.StatusMessageTooBig, wire.PayloadTooLarge(limit))
			return false
		}
	}
	so.late.Stop()
	so.flow.Begin(len(message))
	c.In = message
	so.busy.Store(true)
	defer func() {
		so.alive() // for as long as it took, nobody listened
		so.busy.Store(false)
		if so.retiring() {
			so.Wake()
		}
	}()
	if refused != nil {
		return so.refusePublish(command{}, refused)
	}
	return so.carryOut(message)
}

// carryOut decodes a command and does it.
func (so *Socket) carryOut(message []byte) bool {
	cmd, err := decodeCommand(message)
	if err != nil {
		if !utf8.Valid(message) {
			so.end(websocket.StatusInvalidFramePayloadData, wire.Invalid("the message is not valid UTF-8"))
			return false
		}
		return so.refusePublish(cmd, err)
	}
	switch cmd.op {
	case "publish":
		return so.publish(cmd, message)
	case "subscribe":
		err = so.subscribe(cmd, message)
	case "unsubscribe":
		err = so.unsubscribe(cmd, message)
	case "ping":
		notes := so.notes()
		if err = checkPing(message, &notes); err == nil {
			err = so.out.send(pongMessage(cmd.id, &notes))
		}
	default:
		op, known := jobOps[cmd.op]
		if !known {
			return so.refusePublish(cmd, wire.InvalidField("op", "%q is none of %s", cmd.op, opNames))
		}
		return !errors.Is(so.carryOutJobs(cmd, op, message), errGone)
	}
	if errors.Is(err, errGone) {
		return false
	}
	if err == nil {
		so.set.Observe(cmd.op, nil)
		return true
	}
	e := so.explain(err)
	so.set.Observe(cmd.op, e)
	return so.out.send(errorMessage(cmd.id, "", e)) == nil
}
