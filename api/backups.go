package api

import (
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

// verifiedFields are the fields of a report that a backup was verified.
var verifiedFields = []string{"through_ts"}

// verifiedBackup takes the word of who checked a copy of a backup that it has no
// fault.
func (s *Server) verifiedBackup(c *call.Call) error {
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
	if s.opts.BackupVerified == nil {
		return probes.NotReady(s.opts.Gate.Progress())
	}
	at, err := s.opts.BackupVerified(through)
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
