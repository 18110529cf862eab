package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// listPage is how many entries are requested at a time. It is the server's
// maximum.
const listPage = "1000"

// Listed is a topic as it appears in a list.
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

// Topics yields the topics whose names begin with prefix, sorted by name. It
// fetches them page by page and ends at the first error.
func (c *Client) Topics(ctx context.Context, prefix string) iter.Seq2[Listed, error] {
	return pages(ctx, c, "/v0/topics", url.Values{"prefix": {prefix}, "page_size": {listPage}}, func(p *topicPage) ([]Listed, string) {
		return p.Topics, p.Next
	})
}

type topicPage struct {
	Topics []Listed `json:"topics"`
	Next   string   `json:"next_cursor"`
}

// pages yields the entries of a list. The query has the size of a page; open
// returns the entries of a page and the cursor of the next one.
func pages[P, E any](ctx context.Context, c *Client, path string, query url.Values, open func(*P) ([]E, string)) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		query.Del("cursor") // left by an earlier loop over the same sequence
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
