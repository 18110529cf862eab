package api

import (
	"context"
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
)

// checkpoint takes a checkpoint now.
func (s *Server) checkpoint(c *call.Call) error {
	return s.maintain(c, "checkpoint", Storage.Checkpoint)
}

// verify checks everything that is stored. The storage runs one scrub at a time
// and gives its report to all who ask meanwhile; a client that has gone stops
// waiting, and the scrub goes on. With wait=false nobody waits: a proxy may give
// up on an answer that takes minutes.
func (s *Server) verify(c *call.Call) error {
	return s.awaited(c, job{"scrub", Storage.Verify, Storage.StartVerify, Storage.VerifyState})
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
func (s *Server) awaited(c *call.Call, j job) error {
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
		return s.start(c, j)
	}
	return s.maintain(c, j.name, func(storage Storage, ctx context.Context) (any, error) {
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
func (s *Server) start(c *call.Call, j job) error {
	storage, err := s.storage(c)
	if err != nil {
		return err
	}
	if err := j.start(storage); err != nil {
		return explained(j.name, err)
	}
	wire.WriteJSON(c, http.StatusAccepted, j.state(storage))
	return nil
}

// showVerify answers how the scrub under way is doing, or how the last one ended.
func (s *Server) showVerify(c *call.Call) error {
	state := any(struct {
		State    string  `json:"state"`
		Progress float64 `json:"progress"`
		Bytes    int64   `json:"bytes_done"`
		Total    int64   `json:"bytes_total"`
	}{State: "idle"})
	if s.opts.Storage != nil {
		state = s.opts.Storage.VerifyState()
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, state)
	return nil
}

// maintain runs a job of the storage and answers its report. The job ends with
// the server and not with its client: half of it is of no use to anybody.
func (s *Server) maintain(c *call.Call, what string, job func(Storage, context.Context) (any, error)) error {
	storage, err := s.storage(c)
	if err != nil {
		return err
	}
	c.Outlast()
	report, err := job(storage, s.ctx)
	c.AnswerWithin(s.opts.Limits.WriteTimeout)
	if err != nil {
		return explained(what, err)
	}
	wire.WriteJSON(c, http.StatusOK, report)
	return nil
}

// backup streams a copy of everything that is stored. What fails once a part
// of it has left cuts the connection, so that no client takes that part for
// the whole.
func (s *Server) backup(c *call.Call) error {
	if err := c.MayAll("a backup has the names and records of all"); err != nil {
		return err
	}
	storage, err := s.storage(c)
	if err != nil {
		return err
	}
	if !c.Request.ProtoAtLeast(1, 1) {
		return wire.Invalid("a backup needs HTTP/1.1: before it, an answer that was cut looks like one that is complete")
	}
	c.Outlast()
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	out := c.Stream("application/x-tar")
	end := c.Await(cancel)
	err = storage.Backup(ctx, out)
	if cancelled := end(); cancelled != nil {
		c.AnswerWithin(s.opts.Limits.WriteTimeout)
		return cancelled
	}
	switch {
	case out.Failed() != nil:
		return wire.ClientGone(out.Failed())
	case err != nil:
		c.AnswerWithin(s.opts.Limits.WriteTimeout)
		return explained("backup", err)
	}
	out.End()
	return nil
}

// listBackups answers the last backups, in every phase. A key that is bound to
// prefixes could make none and sees none.
func (s *Server) listBackups(c *call.Call) error {
	if err := c.MayAll("a backup has the names and records of all"); err != nil {
		return err
	}
	if s.opts.Backups == nil {
		return probes.NotReady(s.opts.Gate.Progress())
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, s.opts.Backups())
	return nil
}

// storage is the storage that an admin call works on, once its body has been
// read.
func (s *Server) storage(c *call.Call) (Storage, error) {
	if err := c.Fieldless(); err != nil {
		return nil, err
	}
	if s.opts.Storage == nil {
		return nil, probes.NotReady(s.opts.Gate.Progress())
	}
	return s.opts.Storage, nil
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
