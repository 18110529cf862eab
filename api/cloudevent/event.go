package cloudevent

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// Event is an event that was checked. Its slices alias what it was decoded of.
type Event struct {
	JSON             []byte // the event in structured form
	ID, Source, Type []byte // decoded
}

// Record returns the event as a record: its type is the tag and its source the
// node.
func (e *Event) Record() record.Record {
	return record.Record{Data: e.JSON, Tag: e.Type, Node: e.Source}
}

// maxKey is the longest idempotency key. An id that does not fit is hashed.
const maxKey = 256

// Key returns the idempotency key of the event: its source and its id, between
// which stands a line end, that neither can have.
func (e *Event) Key() string {
	if len(e.Source)+1+len(e.ID) <= maxKey {
		return string(e.Source) + "\n" + string(e.ID)
	}
	// Two line ends: no id begins with one, so this is the key of no other event.
	sum := sha256.Sum256(e.ID)
	return string(e.Source) + "\n\n" + hex.EncodeToString(sum[:])
}

// Is reports whether JSON is an event.
func Is(json []byte) bool {
	f := wire.ReadFields(json, nil)
	d := decoder{fields: &f}
	d.event()
	return f.Finish() == nil
}
