package records

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

// Diff reads records as the body asks.
func (h *Handlers) Diff(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	q, err := request.DecodeRead(body, h.Limits, &c.Notices)
	if err != nil {
		return err
	}
	return h.read(c, q)
}

// DiffByQuery reads records as the query string asks.
func (h *Handlers) DiffByQuery(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	query, err := c.Query()
	if err != nil {
		return err
	}
	q, err := request.DecodeReadQuery(query, h.Limits)
	if err != nil {
		return err
	}
	return h.read(c, q)
}

func (h *Handlers) read(c *call.Call, req *request.Read) error {
	q := req.Query(h.Limits)
	held, err := c.TakeBatch(q)
	if err != nil {
		return err
	}
	came := int64(math.MaxInt64) // what has this timestamp, or a later one, was waited for
	if q.Wait > 0 {
		came = h.Now().UnixMilli()
	}
	batch, err := h.await(c, q)
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
		h.Metrics.ObserveDelivery(h.Now().UnixMilli()-batch.Records[0].TS, 1)
	}
	c.Cost, c.Costs = batch.Cost, wire.CostRead
	if wire.PrefersEvents(c.Request.Header["Accept"]) {
		return answerEvents(c, batch)
	}
	c.Out = render.Batch(c.Out[:0], c.Topic, batch, render.Fields{Data: true, Meta: req.Meta, Tags: req.Tags, Preview: req.Preview})
	if q.FromTS != nil {
		c.Out = strconv.AppendUint(append(c.Out, `,"from_seq":`...), batch.From, 10)
	}
	c.Out = append(c.Out, ',')
	c.Out = append(c.AppendPerformance(c.Out), '}')
	c.Header()["Content-Type"] = call.JsonHeader
	c.WriteHeader(http.StatusOK)
	return nil
}

// await reads, waiting as long as the query says. When the server shuts down
// the wait ends, and the answer is what is there without one.
func (h *Handlers) await(c *call.Call, q *topic.Query) (*topic.Batch, error) {
	engine := h.Engine()
	if q.Wait == 0 {
		return engine.Read(c.Request.Context(), c.Topic, q)
	}
	c.Patient()
	c.In = call.Keep(c.In, 0) // no need to hold the body while waiting
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(h.Serving, cancel)()
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
