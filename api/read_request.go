package api

import (
	"net/url"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// What a read may ask for; beyond is clamped, not refused.
const (
	defaultLimit      = 256
	defaultBatchBytes = 1 << 20
	maxBatchBytes     = 8 << 20
	maxWaitMS         = 30_000
	maxReadNodes      = 256 // refused beyond: each is compared with each record
)

// readRequest is a read as a client sends it, in a body or in a query.
type readRequest struct {
	from       uint64
	limit      int64
	batchBytes int64
	waitMS     int64
	nodes      []string
	match      *record.Match
	tags       bool // include_tags
	meta       bool // include_meta
}

// query is what the engine is asked: defaults and bounds applied.
func (q *readRequest) query(l *Limits) *topics.Query {
	limit, bytes := q.limit, q.batchBytes
	if limit == 0 {
		limit = defaultLimit
	}
	if bytes == 0 {
		bytes = defaultBatchBytes
	}
	return &topics.Query{
		From:     q.from,
		Limit:    int(min(limit, int64(l.MaxLimit))),
		MaxBytes: int(min(bytes, maxBatchBytes)),
		Wait:     time.Duration(min(q.waitMS, maxWaitMS)) * time.Millisecond,
		Nodes:    q.nodes,
		Match:    q.match,
	}
}

// readParameters are the names of what a read may have, in a body and in a
// query.
var readParameters = []string{
	"from_seq", "limit", "max_batch_bytes", "wait_ms", "include_tags", "include_meta", "node", "match",
}

// decodeRead reads the body of a diff; nothing of the result aliases it. No
// body, and null for a field, mean the defaults.
func decodeRead(body []byte, l *Limits, notes *notices) (*readRequest, error) {
	q := &readRequest{meta: true}
	if body == nil {
		return q, nil
	}
	f := readFields(body, notes)
	f.object("the body")
	for f.next() {
		if f.absent(readParameters) {
			continue
		}
		switch string(f.Name()) {
		case "from_seq":
			q.from = f.uint("from_seq")
		case "limit":
			q.limit = f.size("limit")
		case "max_batch_bytes":
			q.batchBytes = f.size("max_batch_bytes")
		case "wait_ms":
			q.waitMS = f.size("wait_ms")
		case "include_tags":
			q.tags = f.bool("include_tags")
		case "include_meta":
			q.meta = f.bool("include_meta")
		case "node":
			q.nodes = f.nodes(l)
		case "match":
			q.match = f.match()
		default:
			f.unknown(readParameters)
		}
	}
	return q, f.finish()
}

// nodes reads a node or an array of them.
func (f *fields) nodes(l *Limits) []string {
	if !f.oneOrMany("node") {
		return []string{string(f.text("node", l.MaxNodeBytes))}
	}
	var nodes []string
	f.Array()
	for f.element() {
		if len(nodes) == maxReadNodes {
			f.refuse("node", "at most %d are allowed", maxReadNodes)
			break
		}
		nodes = append(nodes, string(f.text("node", l.MaxNodeBytes)))
	}
	return nodes
}

// match reads the predicate of the field of that name.
func (f *fields) match() *record.Match { return f.predicate("match") }

// predicate reads a predicate: "x", "x*" or ["tag", op, pattern].
func (f *fields) predicate(name string) *record.Match {
	var m record.Match
	var err error
	if !f.oneOrMany(name) {
		m, err = record.ParseMatch(f.str(name))
	} else {
		var parts []string
		f.Array()
		for f.element() {
			if len(parts) == 3 {
				f.refuse(name, `must be ["tag", operator, pattern]`)
				break
			}
			parts = append(parts, f.str(name))
		}
		switch {
		case f.err != nil || f.Failure() != nil:
			return nil
		case len(parts) != 3 || parts[0] != "tag":
			f.refuse(name, `must be ["tag", operator, pattern]`)
			return nil
		}
		m, err = record.NewMatch(parts[1], parts[2])
	}
	if err != nil {
		f.refuse(name, "%s", strings.TrimPrefix(errorOf(err).Message, "match: "))
	}
	return &m
}

// decodeReadQuery reads a diff from a query string: the same names, node
// repeated for several, match bare or as a JSON array.
func decodeReadQuery(query url.Values, l *Limits) (*readRequest, error) {
	q := &readRequest{meta: true, nodes: query["node"]}
	p := params{Values: query}
	q.from = p.uint("from_seq")
	q.limit = p.size("limit")
	q.batchBytes = p.size("max_batch_bytes")
	q.waitMS = p.size("wait_ms")
	q.tags = p.bool("include_tags", false)
	q.meta = p.bool("include_meta", true)
	for _, node := range q.nodes {
		if len(node) > l.MaxNodeBytes {
			p.refuse("node", "has %d bytes; at most %d are allowed", len(node), l.MaxNodeBytes)
		}
	}
	if len(q.nodes) > maxReadNodes {
		p.refuse("node", "at most %d are allowed", maxReadNodes)
	}
	if p.err != nil || !query.Has("match") {
		return q, p.err
	}
	match := query.Get("match")
	if !strings.HasPrefix(match, "[") {
		m, err := record.ParseMatch(match)
		q.match = &m
		return q, err
	}
	f := readFields([]byte(match), nil)
	q.match = f.match()
	if err := f.finish(); err != nil {
		return nil, invalidField("match", "%s", strings.TrimPrefix(errorOf(err).Message, "match: "))
	}
	return q, nil
}
