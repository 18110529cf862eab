package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// listPage is how many entries are requested at a time. It is the server's
// maximum.
const listPage = "1000"

// pageFor returns the size of the pages of a list of up to limit entries; 0 means
// no limit.
func pageFor(limit int) string {
	if limit <= 0 || limit > 1000 {
		return listPage
	}
	return strconv.Itoa(limit)
}

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
	LastWriteTS       *int64  `json:"last_write_ts"` // Unix ms; nil if never
	Subscribers       int     `json:"subscribers"`   // subscriptions that cover it
	// Per second, on average over the last minute. The last three are a queue's.
	WriteRate      float64 `json:"write_rate"`
	WriteBytesRate float64 `json:"write_bytes_rate"`
	ReadRate       float64 `json:"read_rate"`
	ClaimRate      float64 `json:"claim_rate"`
	AckRate        float64 `json:"ack_rate"`
	NackRate       float64 `json:"nack_rate"`
}

// TopicFilter selects the topics to list, and their order. The zero value selects
// all, sorted by name.
type TopicFilter struct {
	Prefix, Contains string // of the name
	Type             string // log, queue
	Class            string // the durability
	Sort             string // name, bytes, records, write_rate, last_write
	Order            string // asc, desc; the default is asc for names and desc for all else
	Limit            int    // how many at most; 0 means no limit
}

func (f *TopicFilter) query(pageSize string) url.Values {
	query := url.Values{"page_size": {pageSize}}
	for name, value := range map[string]string{
		"prefix": f.Prefix, "contains": f.Contains, "type": f.Type, "class": f.Class, "sort": f.Sort, "order": f.Order,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// FindTopics yields the selected topics, each once, in the order that they had at the
// first page. It fetches them page by page and ends at the first error.
func (c *Client) FindTopics(ctx context.Context, f TopicFilter) iter.Seq2[Listed, error] {
	all := pages(ctx, c, "/v0/topics", f.query(pageFor(f.Limit)), func(p *topicPage) ([]Listed, string) { return p.Topics, p.Next })
	if f.Limit <= 0 {
		return all
	}
	return first(f.Limit, all)
}

// first yields the first n of a list, and errors.
func first[E any](n int, all iter.Seq2[E, error]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		left := n
		for e, err := range all {
			if !yield(e, err) {
				return
			}
			left--
			if left == 0 {
				return
			}
		}
	}
}

// CountTopics returns the number of selected topics, whatever the limit.
func (c *Client) CountTopics(ctx context.Context, f TopicFilter) (int, error) {
	out := new(topicPage)
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/topics", query: f.query("1"), repeatable: true}, out)
	return out.Total, err
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
	Total  int      `json:"total"`
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
