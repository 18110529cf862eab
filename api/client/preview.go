package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Preview is what a delete would take, with the topic as it is.
type Preview struct {
	Count   int64  `json:"count"`    // records
	Bytes   int64  `json:"bytes"`    // of their payload
	HeadSeq uint64 `json:"head_seq"` // the topic's; a Deletion with Before one above takes no more than that
	// RoutersRemoved are the routers that would end with a topic, as far as the key
	// sees them.
	RoutersRemoved []string `json:"routers_removed,omitempty"`
}

// dryRun is the query of a dry run. It is strict: a server that does not know dry_run
// would warn of an unknown name, and do what it was only to look at.
func dryRun() url.Values { return url.Values{"dry_run": {"true"}, "strict": {"true"}} }

// PreviewDeletion returns what DeleteRecords would delete. It changes nothing.
func (c *Client) PreviewDeletion(ctx context.Context, topic string, d Deletion) (Preview, error) {
	body, err := json.Marshal(&d)
	if err != nil {
		return Preview{}, err
	}
	var out Preview
	err = c.do(ctx, call{
		method: http.MethodPost, path: topicPath(topic) + "/delete", query: dryRun(), body: body, repeatable: true,
	}, &out)
	return out, err
}

// PreviewDelete returns what DeleteTopic would delete, which is nothing if there is no
// such topic. It changes nothing.
func (c *Client) PreviewDelete(ctx context.Context, topic string, ifEmpty bool) (Preview, error) {
	query := dryRun()
	if ifEmpty {
		query.Set("if_empty", "true")
	}
	var out Preview
	err := c.do(ctx, call{method: http.MethodDelete, path: topicPath(topic), query: query, repeatable: true}, &out)
	return out, err
}

// PreviewPurge returns what PurgeDead would delete. It changes nothing.
func (c *Client) PreviewPurge(ctx context.Context, queue string, f DeadFilter, limit int) (DeadDone, error) {
	return c.purge(ctx, queue, purgeQuery(f, limit), true)
}

// PreviewReplay returns which dead letters ReplayDead would put back, unless the queue
// does not take them. It changes nothing.
func (c *Client) PreviewReplay(ctx context.Context, queue string, r Redrive) (DeadDone, error) {
	return c.redrive(ctx, queue, r, true)
}
