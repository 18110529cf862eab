package records

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Write appends the body's records. The body's buffer is the engine's until
// Append returns: it copies the records into their frame.
func (h *Handlers) Write(c *call.Call) error {
	seqs, err := c.TopicFlag("return_seqs", true)
	if err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	w, err := request.DecodeWrite(body, h.Limits, c.Records, &c.Notices)
	if err != nil {
		return err
	}
	c.Records, c.Configures = w.Records, w.Config != nil
	key := c.Request.Header.Get("Idempotency-Key")
	if len(key) > request.MaxKeyBytes {
		return wire.InvalidField("Idempotency-Key", "has %d bytes; at most %d are allowed", len(key), request.MaxKeyBytes)
	}
	if w.IdempotencyKey == "" {
		w.IdempotencyKey = key
	}
	if err := c.MayWrite(c.Topic, &w.Write); err != nil {
		return err
	}
	engine := h.Engine()
	if err := queues.ReadJobs(engine, c.Topic, w, &c.Notices, ""); err != nil {
		return err
	}
	if err := c.TakeFrame(len(body), w); err != nil {
		return err
	}
	held, err := h.Bounds.TakeBytes(engine, c.Topic, &w.Write)
	if err != nil {
		return err
	}
	defer h.Bounds.GiveBytes(held)
	done, err := engine.Append(c.Request.Context(), c.Topic, &w.Write)
	if err != nil {
		return err
	}
	if done.Created && w.Config != nil {
		queues.NoteMade(engine, c.Topic, &c.Notices)
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	writeAppended(c, &done, seqs)
	return nil
}

// writeAppended answers a write.
func writeAppended(c *call.Call, done *topic.Written, seqs bool) {
	b := render.Written(append(c.Out[:0], '{'), c.Topic, done, seqs)
	b = append(b, ',')
	c.Out = append(c.AppendPerformance(b), '}')
	c.Header()["Content-Type"] = call.JsonHeader
	c.WriteHeader(http.StatusOK)
	if done.Created {
		c.Status = http.StatusCreated
	}
}
