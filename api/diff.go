package api

import (
	"context"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/e6e95bb8/topics/topics"
)

// diff reads records as the body asks.
func (s *Server) diff(c *call) error {
	if err := c.checkTopic(); err != nil {
		return err
	}
	body, err := s.body(c)
	if err != nil {
		return err
	}
	q, err := decodeRead(body, &s.opts.Limits)
	if err != nil {
		return err
	}
	return s.read(c, q)
}

// diffByQuery reads records as the query string asks.
func (s *Server) diffByQuery(c *call) error {
	if err := c.checkTopic(); err != nil {
		return err
	}
	query, err := c.query()
	if err != nil {
		return err
	}
	q, err := decodeReadQuery(query, &s.opts.Limits)
	if err != nil {
		return err
	}
	return s.read(c, q)
}

func (s *Server) read(c *call, req *readRequest) error {
	q := req.query(&s.opts.Limits)
	batch, err := s.await(c, q)
	if err != nil {
		return err
	}
	if n := answerBytes(batch); n > firstRead {
		if err := s.memory.take(c, n); err != nil {
			return err
		}
	}
	c.cost, c.costs = batch.Cost, costRead
	c.out = appendBatch(c.out[:0], c.topic, batch, req.tags, req.meta)
	c.out = append(c.out, ',')
	c.out = append(appendPerformance(c.out, c), '}')
	c.Header()["Content-Type"] = jsonHeader
	c.WriteHeader(http.StatusOK)
	return nil
}

// answerBytes is about what a batch takes when it is rendered.
func answerBytes(b *topics.Batch) (n int64) {
	for i := range b.Records {
		r := &b.Records[i]
		n += int64(len(r.Data) + len(r.Meta) + len(r.Tag) + len(r.Node) + fieldBytes)
	}
	return n
}

// fieldBytes is about what a record's server fields and punctuation take.
const fieldBytes = 96

// await reads, waiting as long as the query says. When the server shuts down
// the wait ends, and the answer is what is there without one.
func (s *Server) await(c *call, q *topics.Query) (*topics.Batch, error) {
	engine := s.opened()
	if q.Wait == 0 {
		return engine.Read(c.r.Context(), c.topic, q)
	}
	c.patient()
	c.in = keep(c.in, 0) // no need to hold the body while waiting
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	batch, err := engine.Read(ctx, c.topic, q)
	if err != nil && ctx.Err() != nil && c.r.Context().Err() == nil {
		q.Wait = 0
		return engine.Read(c.r.Context(), c.topic, q)
	}
	return batch, err
}

// appendBatch renders a batch, all but the performance block and the end.
// Payloads are copied as they are.
func appendBatch(b []byte, topic string, batch *topics.Batch, tags, meta bool) []byte {
	b = append(b, `{"topic":"`...)
	b = append(b, topic...) // a checked name needs no escapes
	b = append(b, `","records":[`...)
	for i := range batch.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRecord(b, &batch.Records[i], tags, meta)
	}
	b = append(b, `],"next_from_seq":`...)
	b = strconv.AppendUint(b, batch.NextFrom, 10)
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, batch.Head, 10)
	b = append(b, `,"earliest_seq":`...)
	b = strconv.AppendUint(b, batch.Earliest, 10)
	b = append(b, `,"caught_up":`...)
	b = strconv.AppendBool(b, batch.NextFrom == batch.Head)
	b = append(b, `,"tombstone":`...)
	b = appendTombstone(b, batch.Tombstone)
	b = append(b, `,"lag":`...)
	var lag uint64
	if batch.Head > batch.NextFrom {
		lag = batch.Head - batch.NextFrom
	}
	return strconv.AppendUint(b, lag, 10)
}

func appendRecord(b []byte, r *topics.Record, tags, meta bool) []byte {
	b = append(b, `{"$seq":`...)
	b = strconv.AppendUint(b, r.Seq, 10)
	b = append(b, `,"$ts":`...)
	b = strconv.AppendInt(b, r.TS, 10)
	if r.Node != nil {
		b = appendString(append(b, `,"$node":`...), r.Node)
	}
	if tags && r.Tag != nil {
		b = appendString(append(b, `,"$tag":`...), r.Tag)
	}
	b = append(b, `,"data":`...)
	b = append(b, r.Data...)
	if meta && r.Meta != nil {
		b = append(b, `,"meta":`...)
		b = append(b, r.Meta...)
	}
	return append(b, '}')
}

func appendTombstone(b []byte, t *topics.Tombstone) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	b = append(b, `{"gap_from":`...)
	b = strconv.AppendUint(b, t.GapFrom, 10)
	b = append(b, `,"gap_to":`...)
	b = strconv.AppendUint(b, t.GapTo, 10)
	b = append(b, `,"reason":"`...)
	b = append(b, t.Reason...)
	b = append(b, `","missed_estimate":`...)
	b = strconv.AppendUint(b, t.Missed, 10)
	b = append(b, `,"earliest_seq":`...)
	b = strconv.AppendUint(b, t.Earliest, 10)
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, t.Head, 10)
	return append(b, '}')
}

// appendString renders text as a JSON string. Invalid UTF-8, which no writer
// can store, comes out as U+FFFD.
func appendString(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRune(text[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return append(b, '"')
}
