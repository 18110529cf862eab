package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// AppendEvents appends CloudEvents 1.0 in structured form to a topic, each of them
// once: their sources and ids are their idempotency keys, so that a failure is
// retried whatever its outcome was. The events are sent verbatim. After an error
// some of them may have been appended; they may be sent again.
func (c *Client) AppendEvents(ctx context.Context, topic string, events []json.RawMessage) (Written, error) {
	size := 2
	for _, e := range events {
		size += len(e) + 1
	}
	body := append(make([]byte, 0, size), '[')
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, e...)
	}
	var out Written
	err := c.do(ctx, call{
		method: http.MethodPost, path: topicPath(topic) + "/events", body: append(body, ']'),
		media: "application/cloudevents-batch+json", repeatable: true,
	}, &out)
	return out, err
}

// WatchURL returns the address of a stream of topics, for programs that follow it
// by itself: an EventSource in a browser, or curl -N. It has no key; such a program
// adds it as the parameter token. If from is nil, the stream begins at the ends of
// the topics.
func (c *Client) WatchURL(topics, prefixes []string, from *uint64) string {
	query := url.Values{}
	for _, name := range topics {
		query.Add("topic", name)
	}
	for _, prefix := range prefixes {
		query.Add("prefix", prefix)
	}
	if from != nil {
		query.Set("from_seq", strconv.FormatUint(*from, 10))
	}
	return c.base + "/v0/watch?" + query.Encode()
}
