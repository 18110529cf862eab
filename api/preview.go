package api

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
)

// previewView answers a dry run of a delete: what would go.
type previewView struct {
	Topic          string   `json:"topic"`
	DryRun         bool     `json:"dry_run"`
	Count          int64    `json:"count"`
	Bytes          int64    `json:"bytes"`
	HeadSeq        uint64   `json:"head_seq"`
	RoutersRemoved []string `json:"routers_removed,omitempty"`
}

func (c *call) answerPreview(what *topics.Preview) {
	wire.WriteJSON(c, http.StatusOK, previewView{
		c.topic, true, what.Size.Records, what.Size.Bytes, what.Head, c.seen(what.Routers),
	})
}

// dryRunField is the name that asks for a dry run, in queries and bodies.
const dryRunField = "dry_run"

// readDryRun reads from the query whether the call is a dry run.
func (c *call) readDryRun() error {
	query, err := c.query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	c.dry = p.Bool(dryRunField, false)
	return p.Err()
}

// refuseDryRun refuses a dry run of what has none: that it is an unknown name must not
// be found out from what was done.
func (c *call) refuseDryRun() error {
	if !c.route.changes() && c.route.scope&auth.Write == 0 {
		return nil
	}
	err := c.readDryRun()
	if err == nil && c.dry {
		err = wire.InvalidField(dryRunField, "there is no dry run of this call; nothing was done")
	}
	c.dry = false
	return err
}
