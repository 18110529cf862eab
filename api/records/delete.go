package records

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
)

// deletedView answers a record delete: what went, and the topic without it.
type deletedView struct {
	Topic       string `json:"topic"`
	Deleted     int64  `json:"deleted"`
	EarliestSeq uint64 `json:"earliest_seq"`
	HeadSeq     uint64 `json:"head_seq"`
	Count       int64  `json:"count"`
	Bytes       int64  `json:"bytes"`
}

// Delete removes the records that the body says.
func (h *Handlers) Delete(c *call.Call) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	d, err := decodeDeletion(body, &c.Notices)
	if err != nil {
		return err
	}
	if err := c.ReadDryRun(); err != nil {
		return err
	}
	if c.Dry = c.Dry || d.dry; c.Dry {
		what, err := h.Engine().PreviewDeletion(c.Topic, &d.Deletion)
		if err == nil {
			c.AnswerPreview(&what)
		}
		return err
	}
	done, err := h.Engine().DeleteRecords(c.Request.Context(), c.Topic, &d.Deletion)
	if err != nil {
		return err
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	wire.WriteJSON(c, http.StatusOK, deletedView{c.Topic, done.Deleted, done.Earliest, done.Head, done.Count, done.Bytes})
	return nil
}

// deletion is the body of a record delete.
type deletion struct {
	topics.Deletion
	dry bool // only look at what would go
}

// deletionFields are the fields of a record delete.
var deletionFields = []string{"before_seq", "match", call.DryRunField}

// decodeDeletion reads the body of a record delete; nothing of the result
// aliases it. Null for a field means that it is not there. One of the two must
// be: a body without either is more likely a slip than the wish to delete
// everything.
func decodeDeletion(body []byte, notes *wire.Notices) (*deletion, error) {
	d := new(deletion)
	if body != nil {
		f := wire.ReadFields(body, notes)
		f.Enter("the body")
		for f.NextField() {
			if f.Absent(deletionFields) {
				continue
			}
			switch string(f.Name()) {
			case "before_seq":
				d.Before = new(f.ReadUint("before_seq"))
			case "match":
				d.Match = request.ReadMatch(&f)
			case call.DryRunField:
				d.dry = f.ReadBool(call.DryRunField)
			default:
				f.Unknown(deletionFields)
			}
		}
		if err := f.Finish(); err != nil {
			return nil, err
		}
	}
	if d.Before == nil && d.Match == nil {
		return nil, wire.Invalid("before_seq or match is needed: which records are to be deleted")
	}
	return d, nil
}
