package api

import (
	"net/url"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
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
func (q *readRequest) query(l *wire.Limits) *topics.Query {
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
func decodeRead(body []byte, l *wire.Limits, notes *wire.Notices) (*readRequest, error) {
	q := &readRequest{meta: true}
	if body == nil {
		return q, nil
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	for f.NextField() {
		if f.Absent(readParameters) {
			continue
		}
		switch string(f.Name()) {
		case "from_seq":
			q.from = f.ReadUint("from_seq")
		case "limit":
			q.limit = f.ReadSize("limit")
		case "max_batch_bytes":
			q.batchBytes = f.ReadSize("max_batch_bytes")
		case "wait_ms":
			q.waitMS = f.ReadSize("wait_ms")
		case "include_tags":
			q.tags = f.ReadBool("include_tags")
		case "include_meta":
			q.meta = f.ReadBool("include_meta")
		case "node":
			q.nodes = readNodes(&f, l)
		case "match":
			q.match = readMatch(&f)
		default:
			f.Unknown(readParameters)
		}
	}
	return q, f.Finish()
}

// readNodes reads a node or an array of them.
func readNodes(f *wire.Fields, l *wire.Limits) []string {
	if !f.OneOrMany("node") {
		return []string{string(f.ReadText("node", l.MaxNodeBytes))}
	}
	var nodes []string
	f.Array()
	for f.NextElement() {
		if len(nodes) == maxReadNodes {
			f.Refuse("node", "at most %d are allowed", maxReadNodes)
			break
		}
		nodes = append(nodes, string(f.ReadText("node", l.MaxNodeBytes)))
	}
	return nodes
}

// readMatch reads the predicate of the field of that name.
func readMatch(f *wire.Fields) *record.Match { return readPredicate(f, "match") }

// readPredicate reads a predicate: "x", "x*" or ["tag", op, pattern].
func readPredicate(f *wire.Fields, name string) *record.Match {
	var m record.Match
	var err error
	if !f.OneOrMany(name) {
		m, err = record.ParseMatch(f.ReadString(name))
	} else {
		var parts []string
		f.Array()
		for f.NextElement() {
			if len(parts) == 3 {
				f.Refuse(name, `must be ["tag", operator, pattern]`)
				break
			}
			parts = append(parts, f.ReadString(name))
		}
		switch {
		case !f.Valid():
			return nil
		case len(parts) != 3 || parts[0] != "tag":
			f.Refuse(name, `must be ["tag", operator, pattern]`)
			return nil
		}
		m, err = record.NewMatch(parts[1], parts[2])
	}
	if err != nil {
		f.Refuse(name, "%s", strings.TrimPrefix(wire.ErrorOf(err).Message, "match: "))
	}
	return &m
}

// decodeReadQuery reads a diff from a query string: the same names, node
// repeated for several, match bare or as a JSON array.
func decodeReadQuery(query url.Values, l *wire.Limits) (*readRequest, error) {
	q := &readRequest{meta: true, nodes: query["node"]}
	p := wire.ReadParams(query)
	q.from = p.Uint("from_seq")
	q.limit = p.Size("limit")
	q.batchBytes = p.Size("max_batch_bytes")
	q.waitMS = p.Size("wait_ms")
	q.tags = p.Bool("include_tags", false)
	q.meta = p.Bool("include_meta", true)
	for _, node := range q.nodes {
		if len(node) > l.MaxNodeBytes {
			p.Refuse("node", "has %d bytes; at most %d are allowed", len(node), l.MaxNodeBytes)
		}
	}
	if len(q.nodes) > maxReadNodes {
		p.Refuse("node", "at most %d are allowed", maxReadNodes)
	}
	if p.Err() != nil || !query.Has("match") {
		return q, p.Err()
	}
	match := query.Get("match")
	if !strings.HasPrefix(match, "[") {
		m, err := record.ParseMatch(match)
		q.match = &m
		return q, err
	}
	f := wire.ReadFields([]byte(match), nil)
	q.match = readMatch(&f)
	if err := f.Finish(); err != nil {
		return nil, wire.InvalidField("match", "%s", strings.TrimPrefix(wire.ErrorOf(err).Message, "match: "))
	}
	return q, nil
}
