package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
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
	q, err := request.DecodeRead(body, &s.opts.Limits, &c.notices)
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
	q, err := request.DecodeReadQuery(query, &s.opts.Limits)
	if err != nil {
		return err
	}
	return s.read(c, q)
}

func (s *Server) read(c *call, req *request.Read) error {
	q := req.Query(&s.opts.Limits)
	held, err := s.takeBatch(c, q)
	if err != nil {
		return err
	}
	came := int64(math.MaxInt64) // what has this timestamp, or a later one, was waited for
	if q.Wait > 0 {
		came = s.opts.Now().UnixMilli()
	}
	batch, err := s.await(c, q)
	s.memory.giveBack(c, held)
	if err != nil {
		return err
	}
	if n := int64(render.Size(batch.Records)); n > firstRead {
		if err := s.memory.take(c, n); err != nil {
			return err
		}
		c.out = slices.Grow(c.out[:0], int(n))
	}
	if len(batch.Records) > 0 && batch.Records[0].TS >= came {
		s.observeDelivery(batch.Records[0].TS)
	}
	c.cost, c.costs = batch.Cost, wire.CostRead
	if wire.PrefersEvents(c.r.Header["Accept"]) {
		return c.answerEvents(batch)
	}
	c.out = appendBatch(c.out[:0], c.topic, batch, render.Fields{Data: true, Meta: req.Meta, Tags: req.Tags, Preview: req.Preview})
	if q.FromTS != nil {
		c.out = strconv.AppendUint(append(c.out, `,"from_seq":`...), batch.From, 10)
	}
	c.out = append(c.out, ',')
	c.out = append(c.AppendPerformance(c.out), '}')
	c.Header()["Content-Type"] = jsonHeader
	c.WriteHeader(http.StatusOK)
	return nil
}

// takeBatch takes the memory for what a read may bring, which it lowers to a
// quarter of what is left, but not below one record. A read that waits takes
// none, because most of the time it holds nothing.
func (s *Server) takeBatch(c *call, q *topic.Query) (n int64, err error) {
	if q.Wait > 0 {
		s.lowerToShare(&q.MaxBytes)
		return 0, nil
	}
	return s.takeRead(c, &q.MaxBytes)
}

// lowerToShare lowers what an answer may bring to a quarter of what is left, but not
// below one record.
func (s *Server) lowerToShare(most *int) {
	left := s.memory.limit - s.memory.used.Load()
	*most = min(*most, max(int(left/4), s.opts.Limits.MaxRecordBytes))
}

// takeRead takes the memory for what may be read, most bytes, which it lowers.
func (s *Server) takeRead(c *call, most *int) (n int64, err error) {
	s.lowerToShare(most)
	n = beyondFirst(*most)
	return n, s.memory.take(c, n)
}

// await reads, waiting as long as the query says. When the server shuts down
// the wait ends, and the answer is what is there without one.
func (s *Server) await(c *call, q *topic.Query) (*topic.Batch, error) {
	engine := s.opened()
	if q.Wait == 0 {
		return engine.Read(c.r.Context(), c.topic, q)
	}
	c.patient()
	c.in = keep(c.in, 0) // no need to hold the body while waiting
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	end := c.await(cancel)
	batch, err := engine.Read(ctx, c.topic, q)
	if err := end(); err != nil {
		return nil, err
	}
	if err != nil && ctx.Err() != nil && c.r.Context().Err() == nil {
		q.Wait = 0
		return engine.Read(c.r.Context(), c.topic, q)
	}
	return batch, err
}

// appendBatch renders a batch, all but the performance block and the end.
// Payloads are copied as they are.
func appendBatch(b []byte, x string, batch *topic.Batch, fields render.Fields) []byte {
	b = append(b, `{"topic":"`...)
	b = append(b, x...) // a checked name needs no escapes
	b = append(b, `","records":[`...)
	for i := range batch.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = render.Record(b, &batch.Records[i], fields)
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

func appendTombstone(b []byte, t *topic.Tombstone) []byte {
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
	b = append(b, `,"missed_at_least":`...)
	b = strconv.AppendUint(b, t.AtLeast, 10)
	b = append(b, `,"earliest_seq":`...)
	b = strconv.AppendUint(b, t.Earliest, 10)
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, t.Head, 10)
	return append(b, '}')
}
