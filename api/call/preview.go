package call

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
)

// previewView is the answer to a dry run of a delete: what would go.
type previewView struct {
	Topic          string   `json:"topic"`
	DryRun         bool     `json:"dry_run"`
	Count          int64    `json:"count"`
	Bytes          int64    `json:"bytes"`
	HeadSeq        uint64   `json:"head_seq"`
	RoutersRemoved []string `json:"routers_removed,omitempty"`
}

// AnswerPreview answers a dry run of a delete.
func (c *Call) AnswerPreview(what *topics.Preview) {
	wire.WriteJSON(c, http.StatusOK, previewView{
		c.Topic, true, what.Size.Records, what.Size.Bytes, what.Head, c.Seen(what.Routers),
	})
}
