package request

import (
	"net/url"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Bounds and defaults of a read. Values beyond the bounds are clamped.
const (
	defaultLimit      = 256
	defaultBatchBytes = 1 << 20
	MaxBatchBytes     = 8 << 20
	MaxWaitMS         = 30_000
	MaxPreview        = 64 << 10
	maxReadNodes      = 256 // refused beyond: each is compared with each record
)

// Read is a read as a client sends it, in a body or in a query string.
type Read struct {
	from       uint64
	fromTS     *int64
	limit      int64
	batchBytes int64
	waitMS     int64
	nodes      []string
	match      *record.Match
	Tags       bool // include_tags
	Meta       bool // include_meta
	Preview    int  // preview_bytes, 0 for whole data
	untouched  bool // touch=false
}

// Query returns the query for the engine, with defaults and bounds applied.
func (q *Read) Query(l *wire.Limits) *topic.Query {
	limit, bytes := q.limit, q.batchBytes
	if limit == 0 {
		limit = defaultLimit
	}
	if bytes == 0 {
		bytes = defaultBatchBytes
	}
	return &topic.Query{
		From:     q.from,
		FromTS:   q.fromTS,
		Limit:    int(min(limit, int64(l.MaxLimit))),
		MaxBytes: int(min(bytes, MaxBatchBytes)),
		Wait:     time.Duration(min(q.waitMS, MaxWaitMS)) * time.Millisecond,
		Nodes:    q.nodes,
		Match:    q.match,

		Untouched: q.untouched,
	}
}

// refuseBoth refuses two positions at once.
func refuseBoth(refuse func(name, format string, a ...any)) {
	refuse("from_ts", "and from_seq are two positions; give one")
}

// ReadParameters are the names of the fields of a read, in a body and in a query
// string.
var ReadParameters = []string{
	"from_seq", "from_ts", "limit", "max_batch_bytes", "wait_ms", "include_tags", "include_meta", "preview_bytes", "touch", "node", "match",
}

// DecodeRead decodes the body of a diff. The result does not alias it. Without a
// body, and for fields that are null, the defaults apply.
func DecodeRead(body []byte, l *wire.Limits, notes *wire.Notices) (*Read, error) {
	q := &Read{Meta: true}
	if body == nil {
		return q, nil
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	placed := false
	for f.NextField() {
		if f.Absent(ReadParameters) {
			continue
		}
		switch string(f.Name()) {
		case "from_seq":
			q.from, placed = f.ReadUint("from_seq"), true
		case "from_ts":
			q.fromTS = new(f.ReadSize("from_ts"))
		case "preview_bytes":
			q.Preview = preview(f.ReadSize("preview_bytes"))
		case "touch":
			q.untouched = !f.ReadBool("touch")
		case "limit":
			q.limit = f.ReadSize("limit")
		case "max_batch_bytes":
			q.batchBytes = f.ReadSize("max_batch_bytes")
		case "wait_ms":
			q.waitMS = f.ReadSize("wait_ms")
		case "include_tags":
			q.Tags = f.ReadBool("include_tags")
		case "include_meta":
			q.Meta = f.ReadBool("include_meta")
		case "node":
			q.nodes = readNodes(&f, l)
		case "match":
			q.match = ReadMatch(&f)
		default:
			f.Unknown(ReadParameters)
		}
	}
	if placed && q.fromTS != nil {
		refuseBoth(f.Refuse)
	}
	return q, f.Finish()
}

// preview returns how much of data is shown at most.
func preview(bytes int64) int { return int(min(bytes, MaxPreview)) }

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

// ReadMatch reads the predicate of the field of that name.
func ReadMatch(f *wire.Fields) *record.Match { return readPredicate(f, "match") }

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

// DecodeReadQuery reads a diff from a query string: the same names, node
// repeated for several, match bare or as a JSON array.
func DecodeReadQuery(query url.Values, l *wire.Limits) (*Read, error) {
	q := &Read{Meta: true, nodes: query["node"]}
	p := wire.ReadParams(query)
	q.from = p.Uint("from_seq")
	if p.Has("from_ts") {
		q.fromTS = new(p.Size("from_ts"))
		if p.Has("from_seq") {
			refuseBoth(p.Refuse)
		}
	}
	q.Preview = preview(p.Size("preview_bytes"))
	q.untouched = !p.Bool("touch", true)
	q.limit = p.Size("limit")
	q.batchBytes = p.Size("max_batch_bytes")
	q.waitMS = p.Size("wait_ms")
	q.Tags = p.Bool("include_tags", false)
	q.Meta = p.Bool("include_meta", true)
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
	var err error
	q.match, err = QueryMatch(query.Get("match"))
	return q, err
}

// QueryMatch reads a predicate in a query string: bare or as a JSON array.
func QueryMatch(match string) (*record.Match, error) {
	if !strings.HasPrefix(match, "[") {
		m, err := record.ParseMatch(match)
		return &m, err
	}
	f := wire.ReadFields([]byte(match), nil)
	m := ReadMatch(&f)
	if err := f.Finish(); err != nil {
		message := strings.TrimPrefix(wire.ErrorOf(err).Message, "match: ")
		return nil, wire.InvalidField("match", "%s", strings.TrimPrefix(message, "the body "))
	}
	return m, nil
}
