package api

import (
	"net/http"

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

// deleteRecords removes the records that the body says.
func (s *Server) deleteRecords(c *call) error {
	if err := c.checkTopic(); err != nil {
		return err
	}
	body, err := s.body(c)
	if err != nil {
		return err
	}
	d, err := decodeDeletion(body, &c.notices)
	if err != nil {
		return err
	}
	if err := c.readDryRun(); err != nil {
		return err
	}
	if c.dry = c.dry || d.dry; c.dry {
		what, err := s.opened().PreviewDeletion(c.topic, &d.Deletion)
		if err == nil {
			c.answerPreview(&what)
		}
		return err
	}
	done, err := s.opened().DeleteRecords(c.r.Context(), c.topic, &d.Deletion)
	if err != nil {
		return err
	}
	c.cost, c.costs = done.Cost, wire.CostWrite
	wire.WriteJSON(c, http.StatusOK, deletedView{c.topic, done.Deleted, done.Earliest, done.Head, done.Count, done.Bytes})
	return nil
}

// deletion is the body of a record delete.
type deletion struct {
	topics.Deletion
	dry bool // only look at what would go
}

// deletionFields are the fields of a record delete.
var deletionFields = []string{"before_seq", "match", dryRunField}

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
			case dryRunField:
				d.dry = f.ReadBool(dryRunField)
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
