package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// listPage is how many entries are asked for at a time: the most that the
// server gives.
const listPage = 1000

// Listed is a topic as the list shows it.
type Listed struct {
	Topic             string  `json:"topic"`
	Type              string  `json:"type"`
	HeadSeq           uint64  `json:"head_seq"`
	EarliestSeq       uint64  `json:"earliest_seq"`
	Count             int64   `json:"count"`
	Bytes             int64   `json:"bytes"`
	Durable           bool    `json:"durable"`
	Durability        string  `json:"durability"`
	EffectivePriority float64 `json:"effective_priority"`
}

// Topics yields the topics whose names begin with prefix, sorted by name, and
// fetches them page by page. An error ends it.
func (c *Client) Topics(ctx context.Context, prefix string) iter.Seq2[Listed, error] {
	return pages(ctx, c, "/v0/topics", url.Values{"prefix": {prefix}}, func(p *topicPage) ([]Listed, string) {
		return p.Topics, p.Next
	})
}

type topicPage struct {
	Topics []Listed `json:"topics"`
	Next   string   `json:"next_cursor"`
}

// pages yields the entries of a list. open takes a page of it apart.
func pages[P, E any](ctx context.Context, c *Client, path string, query url.Values, open func(*P) ([]E, string)) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		query.Set("page_size", strconv.Itoa(listPage))
		query.Del("cursor") // of an earlier loop over the same sequence
		for {
			page := new(P)
			if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, repeatable: true}, page); err != nil {
				var none E
				yield(none, err)
				return
			}
			entries, next := open(page)
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			query.Set("cursor", next)
		}
	}
}
