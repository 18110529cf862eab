package admin

import (
	"context"
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
)

// Checkpoint takes a checkpoint now.
func (h *Handlers) Checkpoint(c *call.Call) error {
	return h.maintain(c, "checkpoint", Storage.Checkpoint)
}

// Verify checks everything that is stored. The storage runs one scrub at a time
// and gives its report to all who ask meanwhile; a client that has gone stops
// waiting, and the scrub goes on. With wait=false the answer comes at once: a proxy may give
// up on an answer that takes minutes.
func (h *Handlers) Verify(c *call.Call) error {
	return h.awaited(c, job{"scrub", Storage.Verify, Storage.StartVerify, Storage.VerifyState})
}

// job is work of the storage that goes on without the client that asked for it.
type job struct {
	name  string
	run   func(Storage, context.Context) (any, error)
	start func(Storage) error
	state func(Storage) any
}

// awaited runs a job and answers its report, or, with wait=false, begins it and
// answers how it is doing. A client that has gone stops waiting.
func (h *Handlers) awaited(c *call.Call, j job) error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	wait := p.Bool("wait", true)
	if p.Err() != nil {
		return p.Err()
	}
	if !wait {
		return h.start(c, j)
	}
	return h.maintain(c, j.name, func(storage Storage, ctx context.Context) (any, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(c.Request.Context(), cancel)()
		report, err := j.run(storage, ctx)
		if gone := c.Request.Context().Err(); gone != nil {
			return nil, gone
		}
		return report, err
	})
}

// start begins a job and answers how it is doing.
func (h *Handlers) start(c *call.Call, j job) error {
	storage, err := h.storage(c)
	if err != nil {
		return err
	}
	if err := j.start(storage); err != nil {
		return explained(j.name, err)
	}
	wire.WriteJSON(c, http.StatusAccepted, j.state(storage))
	return nil
}

// ShowVerify answers how the scrub under way is doing, or how the last one ended.
func (h *Handlers) ShowVerify(c *call.Call) error {
	state := any(struct {
		State    string  `json:"state"`
		Progress float64 `json:"progress"`
		Bytes    int64   `json:"bytes_done"`
		Total    int64   `json:"bytes_total"`
	}{State: "idle"})
	if h.Storage != nil {
		state = h.Storage.VerifyState()
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, state)
	return nil
}

// maintain runs a job of the storage and answers its report. The job ends with
// the server and not with its client: half of it is of no use.
func (h *Handlers) maintain(c *call.Call, what string, job func(Storage, context.Context) (any, error)) error {
	storage, err := h.storage(c)
	if err != nil {
		return err
	}
	c.Outlast()
	report, err := job(storage, h.Serving)
	c.AnswerWithin(h.Limits.WriteTimeout)
	if err != nil {
		return explained(what, err)
	}
	wire.WriteJSON(c, http.StatusOK, report)
	return nil
}

// storage is the storage that an admin call works on, once its body has been
// read.
func (h *Handlers) storage(c *call.Call) (Storage, error) {
	if err := c.Fieldless(); err != nil {
		return nil, err
	}
	if h.Storage == nil {
		return nil, probes.NotReady(h.Gate.Progress())
	}
	return h.Storage, nil
}

// explained gives an internal error its words: who may call an admin route is
// who has to do something about it.
func explained(what string, err error) error {
	e := wire.ErrorOf(err)
	if e.Status == http.StatusInternalServerError {
		return &wire.Error{Status: e.Status, Code: e.Code, Message: "the " + what + " failed: " + err.Error(), Detail: e.Detail, Err: err}
	}
	return err
}
