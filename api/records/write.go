package records

import (
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Write appends the body's records. The engine copies them into their frame, so that
// the body's buffer is free once they have their place. Finish does the rest.
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
	p, err := engine.Begin(c.Request.Context(), c.Topic, &w.Write)
	if err != nil {
		h.Bounds.GiveBytes(held)
		return err
	}
	c.Placed = call.Placed{Write: p, Bytes: held, Seqs: seqs}
	if p.Syncs() {
		c.Placed.Began = time.Now()
	}
	return c.Later(p.Waits(), (*finishing)(h))
}

// finishing is the second half of Write.
type finishing Handlers

// Finish answers when the write is durable as its class says.
func (h *finishing) Finish(c *call.Call) error {
	placed := c.Placed
	c.Placed = call.Placed{}
	done, err := placed.Write.Wait()
	h.Bounds.GiveBytes(placed.Bytes)
	if err != nil {
		return err
	}
	if done.Created && c.Configures {
		queues.NoteMade(h.Engine(), c.Topic, &c.Notices)
	}
	if !placed.Began.IsZero() {
		done.Cost.Sync = time.Since(placed.Began) // another write of the round may have waited for it
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	writeAppended(c, &done, placed.Seqs)
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
