package request

import (
	"net/url"

	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// WatchParameters are the names of what a watch can have in a query string.
// topic, prefix and node may be repeated.
var WatchParameters = []string{
	"topic", "prefix", "from_seq", "tail", "node", "match", "limit", "max_batch_bytes", "heartbeat_ms",
	"include_meta", "include_tags", "include_data", "consistency", "preview_bytes", "touch", "lenient", "last_event_id",
}

// DecodeWatchQuery reads a watch from a query string. All of its topics and
// prefixes begin after from_seq, or at their heads if there is none.
func DecodeWatchQuery(query url.Values, l *wire.Limits) (*Watch, error) {
	read, err := DecodeReadQuery(query, l)
	if err != nil {
		return nil, err
	}
	w := NewWatch()
	w.read = *read
	p := wire.ReadParams(query)
	at := readQueryStart(&p)
	readQueryNames(&p, "topic", w.Topics, at, record.CheckName)
	readQueryNames(&p, "prefix", w.Prefixes, at, checkPrefix)
	if p.Has("heartbeat_ms") {
		w.beatMS = max(p.Int("heartbeat_ms", 0), 1)
	}
	w.omitData = !p.Bool("include_data", true)
	w.strong = p.OneOf("consistency", "eventual", "eventual", "strong") == "strong"
	if p.Err() != nil {
		return nil, p.Err()
	}
	return w, w.checkSize(l)
}

// readQueryStart reads where a watch begins.
func readQueryStart(p *wire.Params) watch.Start {
	at := watch.Start{From: p.Uint("from_seq"), Tail: p.Bool("tail", !p.Has("from_seq"))}
	if at.Tail && p.Has("from_seq") {
		p.Refuse("tail", "and from_seq exclude each other: leave one of them out")
	}
	return at
}

// readQueryNames reads the names of a repeated parameter.
func readQueryNames(p *wire.Params, parameter string, starts map[string]watch.Start, at watch.Start, check func(string) *record.Error) {
	for _, name := range p.Values[parameter] {
		err := check(name)
		if err != nil {
			p.Refuse(parameter, "%s", err.Message)
			return
		}
		starts[name] = at
	}
}
