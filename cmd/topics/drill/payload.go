package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/api/client"
)

// alphabet has the 64 characters of padding, none of which JSON escapes.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// payload is the data of a record. It is determined by the seed and the op, so
// a reader can check every byte without having stored any.
type payload struct {
	Writer uint16 `json:"writer"`
	Op     uint32 `json:"op"`
	Index  int    `json:"index"` // in the batch
	Count  int    `json:"count"` // records in the batch
	Size   int    `json:"size"`  // bytes of padding
	Sum    string `json:"sum"`   // XXH3 of the padding, 16 hex digits
}

// appendData appends the data of record index of op o.
func (p plan) appendData(b []byte, o op, index int) []byte {
	rng := rand.NewPCG(p.seed, streamRecords|o.id.stream()^uint64(index)<<40)
	size := paddingSize(rng, o.count)
	padding := make([]byte, size)
	for i := range padding {
		padding[i] = alphabet[rng.Uint64()&63]
	}
	b = append(b, `{"writer":`...)
	b = strconv.AppendUint(b, uint64(o.id.writer), 10)
	b = append(b, `,"op":`...)
	b = strconv.AppendUint(b, uint64(o.id.number), 10)
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, `,"count":`...)
	b = strconv.AppendInt(b, int64(o.count), 10)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, int64(size), 10)
	b = fmt.Appendf(b, `,"sum":"%016x","padding":"`, xxh3.Hash(padding))
	b = append(b, padding...)
	return append(b, `"}`...)
}

// paddingSize is mostly small. Single records are sometimes larger than a page
// of the log, and rarely much larger.
func paddingSize(rng *rand.PCG, count int) int {
	x := rng.Uint64()
	size, roll := int(x&0xffff), x>>32%100
	switch {
	case count > 50:
		return size % 64
	case roll < 80:
		return size % 256
	case roll < 99 || count > 1:
		return size % 2048
	}
	return size
}

// meta returns the record's meta, which every third op has.
func (o op) meta() []byte {
	if o.id.number%3 != 0 {
		return nil
	}
	return fmt.Appendf(nil, `{"op": %d, "n":1.50}`, o.id.number)
}

// tag and node return the record's tag and node. No other op has the tag, or
// one that begins with it.
func (o op) tag() string  { return fmt.Sprintf("w%d-op-%d.", o.id.writer, o.id.number) }
func (o op) node() string { return fmt.Sprintf("writer-%d", o.id.writer) }

// body returns the request for op o.
func (p plan) body(o op) *client.Write {
	w := &client.Write{Entries: make([]client.Entry, o.count), Node: o.node(), IdempotencyKey: o.key}
	tag := o.tag()
	for i := range w.Entries {
		w.Entries[i] = client.Entry{Data: p.appendData(nil, o, i), Meta: o.meta(), Tag: &tag}
	}
	return w
}

// recognise returns the op and the index of record r, and an error if any byte
// differs from what was written.
func (p plan) recognise(r *client.Record) (o op, index int, err error) {
	var said payload
	if err := json.Unmarshal(r.Data, &said); err != nil {
		return op{}, 0, fmt.Errorf("data is not a drill payload: %w", err)
	}
	o = p.op(opID{writer: said.Writer, number: said.Op})
	switch {
	case said.Count != o.count || said.Index < 0 || said.Index >= o.count:
		return op{}, 0, fmt.Errorf("data says record %d of %d; %s has %d", said.Index, said.Count, o.id, o.count)
	case !bytes.Equal(r.Data, p.appendData(nil, o, said.Index)):
		err = errors.New("data differs from what was written")
	case !bytes.Equal(r.Meta, o.meta()):
		err = errors.New("meta differs from what was written")
	case text(r.Tag) != o.tag() || text(r.Node) != o.node():
		err = fmt.Errorf("$tag %q or $node %q differs from what was written", text(r.Tag), text(r.Node))
	}
	return o, said.Index, err
}
