package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
)

// ErrNoBackup reports a backup that is not among those that the server lists as
// good.
var ErrNoBackup = errors.New("no such backup")

// Backup streams a copy of everything that is stored. What fails once a part
// of it has left cuts the connection, so that no client takes that part for
// the whole.
func (h *Handlers) Backup(c *call.Call) error {
	if err := c.MayAll("a backup has the names and records of all"); err != nil {
		return err
	}
	storage, err := h.storage(c)
	if err != nil {
		return err
	}
	if !c.Request.ProtoAtLeast(1, 1) {
		return wire.Invalid("a backup needs HTTP/1.1: before it, an answer that was cut looks like one that is complete")
	}
	c.Outlast()
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(h.Serving, cancel)()
	out := c.Stream("application/x-tar")
	end := c.Await(cancel)
	err = storage.Backup(ctx, out)
	if cancelled := end(); cancelled != nil {
		c.AnswerWithin(h.Limits.WriteTimeout)
		return cancelled
	}
	switch {
	case out.Failed() != nil:
		return wire.ClientGone(out.Failed())
	case err != nil:
		c.AnswerWithin(h.Limits.WriteTimeout)
		return explained("backup", err)
	}
	out.End()
	return nil
}

// ListBackups answers the last backups, in every phase. A key that is bound to
// prefixes could make none and sees none.
func (h *Handlers) ListBackups(c *call.Call) error {
	if err := c.MayAll("a backup has the names and records of all"); err != nil {
		return err
	}
	if h.Backups == nil {
		return probes.NotReady(h.Gate.Progress())
	}
	c.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(c, http.StatusOK, h.Backups())
	return nil
}

// verifiedFields are the fields of a report that a backup was verified.
var verifiedFields = []string{"through_ts"}

// BackupVerified takes the word of who checked a copy of a backup that it has no
// fault.
func (h *Handlers) BackupVerified(c *call.Call) error {
	if err := c.MayAll("a backup has the names and records of all"); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	through, err := decodeVerified(body, &c.Notices)
	if err != nil {
		return err
	}
	if h.Verified == nil {
		return probes.NotReady(h.Gate.Progress())
	}
	at, err := h.Verified(through)
	if errors.Is(err, ErrNoBackup) {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no good backup with this through_ts is among the last; GET /v0/admin/backups lists them"}
	}
	if err != nil {
		return explained("report", err)
	}
	wire.WriteJSON(c, http.StatusOK, struct {
		ThroughTS  int64     `json:"through_ts"`
		VerifiedAt time.Time `json:"verified_at"`
	}{through, at})
	return nil
}

// decodeVerified reads through_ts of the body.
func decodeVerified(body []byte, notes *wire.Notices) (through int64, err error) {
	if body == nil {
		body = []byte("{}")
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	said := false
	for f.NextField() {
		if f.Absent(verifiedFields) {
			continue
		}
		switch string(f.Name()) {
		case "through_ts":
			said = true
			through = f.ReadSize("through_ts")
		default:
			f.Unknown(verifiedFields)
		}
	}
	if err := f.Finish(); err != nil {
		return 0, err
	}
	if !said {
		return 0, wire.InvalidField("through_ts", "is needed: that of the backup in GET /v0/admin/backups")
	}
	return through, nil
}
