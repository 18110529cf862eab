package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// diff reads records as the body asks.
func (s *Server) diff(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	q, err := request.DecodeRead(body, &s.opts.Limits, &c.Notices)
	if err != nil {
		return err
	}
	return s.read(c, q)
}

// diffByQuery reads records as the query string asks.
func (s *Server) diffByQuery(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	query, err := c.Query()
	if err != nil {
		return err
	}
	q, err := request.DecodeReadQuery(query, &s.opts.Limits)
	if err != nil {
		return err
	}
	return s.read(c, q)
}

func (s *Server) read(c *call.Call, req *request.Read) error {
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
	c.GiveBack(held)
	if err != nil {
		return err
	}
	if n := int64(render.Size(batch.Records)); n > call.FirstRead {
		if err := c.Take(n); err != nil {
			return err
		}
		c.Out = slices.Grow(c.Out[:0], int(n))
	}
	if len(batch.Records) > 0 && batch.Records[0].TS >= came {
		s.observeDelivery(batch.Records[0].TS)
	}
	c.Cost, c.Costs = batch.Cost, wire.CostRead
	if wire.PrefersEvents(c.Request.Header["Accept"]) {
		return answerEvents(c, batch)
	}
	c.Out = appendBatch(c.Out[:0], c.Topic, batch, render.Fields{Data: true, Meta: req.Meta, Tags: req.Tags, Preview: req.Preview})
	if q.FromTS != nil {
		c.Out = strconv.AppendUint(append(c.Out, `,"from_seq":`...), batch.From, 10)
	}
	c.Out = append(c.Out, ',')
	c.Out = append(c.AppendPerformance(c.Out), '}')
	c.Header()["Content-Type"] = call.JsonHeader
	c.WriteHeader(http.StatusOK)
	return nil
}

// takeBatch takes the memory for what a read may bring, which it lowers to a
// quarter of what is left, but not below one record. A read that waits takes
// none, because most of the time it holds nothing.
func (s *Server) takeBatch(c *call.Call, q *topic.Query) (n int64, err error) {
	if q.Wait > 0 {
		c.LowerToShare(&q.MaxBytes)
		return 0, nil
	}
	return c.TakeRead(&q.MaxBytes)
}

// await reads, waiting as long as the query says. When the server shuts down
// the wait ends, and the answer is what is there without one.
func (s *Server) await(c *call.Call, q *topic.Query) (*topic.Batch, error) {
	engine := s.opened()
	if q.Wait == 0 {
		return engine.Read(c.Request.Context(), c.Topic, q)
	}
	c.Patient()
	c.In = call.Keep(c.In, 0) // no need to hold the body while waiting
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	end := c.Await(cancel)
	batch, err := engine.Read(ctx, c.Topic, q)
	if err := end(); err != nil {
		return nil, err
	}
	if err != nil && ctx.Err() != nil && c.Request.Context().Err() == nil {
		q.Wait = 0
		return engine.Read(c.Request.Context(), c.Topic, q)
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
