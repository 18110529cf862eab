package records

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// found is a record with its topic.
type found struct {
	topic  string
	record client.Record
}

// page is how many records are read at a time. It is the server's default
// maximum.
const page = 1000

// last returns the last records of a topic that pass the filter, and sets the
// cursor after them. It reads from ever further back until it has enough, so
// that it reads little of a long topic.
func (t *tail) last(ctx context.Context, topic string) ([]found, error) {
	state, err := t.server.State(ctx, topic)
	if err != nil {
		return nil, err
	}
	oldest := state.EarliestSeq - 1
	t.cursors[topic] = state.HeadSeq
	if t.lines == 0 {
		return nil, nil
	}
	for window := uint64(t.lines); ; window *= 8 {
		from := oldest
		if state.HeadSeq > window {
			from = max(oldest, state.HeadSeq-window)
		}
		records, err := t.between(ctx, topic, from, state.HeadSeq)
		if err != nil || len(records) == t.lines || from == oldest {
			return records, err
		}
	}
}

// between returns the last records after from and up to head that pass the
// filter.
func (t *tail) between(ctx context.Context, topic string, from, head uint64) ([]found, error) {
	var records []found
	q := t.query(from)
	q.Limit = page
	for q.From < head {
		b, err := t.server.Diff(ctx, topic, q)
		if err != nil {
			return nil, err
		}
		for i := range b.Records {
			if r := &b.Records[i]; r.Seq <= head && t.passes(r) {
				records = append(records, found{topic, *r})
			}
		}
		if n := len(records) - t.lines; n > 0 {
			records = append([]found(nil), records[n:]...)
		}
		if b.NextFrom <= q.From {
			break // the topic was deleted and made again
		}
		q.From = b.NextFrom
	}
	return records, nil
}

// seek returns the seq after which the records from a time on come.
func seek(ctx context.Context, api *client.Client, topic string, from time.Time) (uint64, error) {
	b, err := api.Diff(ctx, topic, client.Query{FromTime: new(max(from.UnixMilli(), 0)), Limit: 1, OmitMeta: true})
	if err != nil {
		return 0, err
	}
	if b.From == nil {
		return 0, errors.New("--since: the server does not know from_ts; it is older than this command")
	}
	return *b.From, nil
}

// since returns the time that --since means.
func since(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since: %q is neither a time like 90s, 1h, 7d nor one like 2006-01-02T15:04:05Z", text)
}
