package api

import (
	"time"

	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/topics/record"
)

// What a watch may ask for; beyond is clamped, not refused.
const (
	defaultWatchBytes = 256 << 10
	defaultHeartbeat  = 15 * time.Second
	minHeartbeat      = time.Second
	maxHeartbeat      = 60 * time.Second
)

// watchRequest is a watch as a client sends it, as the body of POST /v0/watch
// or as a subscribe.
type watchRequest struct {
	topics   map[string]watch.Start
	prefixes map[string]watch.Start
	read     readRequest // limit, batchBytes, nodes, match, tags and meta
	omitData bool
	beatMS   int64 // 0: the default
	strong   bool
}

func newWatchRequest() *watchRequest {
	return &watchRequest{
		topics: map[string]watch.Start{}, prefixes: map[string]watch.Start{},
		read: readRequest{meta: true},
	}
}

// options are the session's: defaults and bounds applied.
func (w *watchRequest) options(l *Limits) watch.Options {
	if w.read.batchBytes == 0 {
		w.read.batchBytes = defaultWatchBytes
	}
	q := w.read.query(l)
	beat := defaultHeartbeat
	if w.beatMS != 0 {
		beat = time.Duration(min(w.beatMS, maxHeartbeat.Milliseconds())) * time.Millisecond
	}
	return watch.Options{
		Nodes: q.Nodes, Match: q.Match, Limit: q.Limit, MaxBytes: q.MaxBytes,
		Heartbeat: max(beat, minHeartbeat),
		Meta:      w.read.meta, Tags: w.read.tags, Data: !w.omitData, Strong: w.strong,
	}
}

// The fields of a watch, and of the place where one of its topics begins.
var (
	watchFields = []string{
		"topics", "prefixes", "node", "match", "limit", "max_batch_bytes", "heartbeat_ms",
		"include_meta", "include_tags", "include_data", "consistency",
	}
	startFields = []string{"from_seq", "tail"}
)

// decodeWatch reads the body of POST /v0/watch; nothing of the result aliases
// it. Null for a field means that it is not there.
func decodeWatch(body []byte, l *Limits, notes *notices) (*watchRequest, error) {
	w := newWatchRequest()
	if body == nil {
		return nil, errNothingToWatch()
	}
	f := readFields(body, notes)
	f.object("the body")
	for f.next() {
		if !f.absent(watchFields) && !f.watchField(string(f.Name()), w, l) {
			f.unknown(watchFields)
		}
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	switch n, most := len(w.topics)+len(w.prefixes), l.MaxWatchTopics; {
	case n == 0:
		return nil, errNothingToWatch()
	case n > most:
		e := invalid("at most %d topics and prefixes can be watched at once", most)
		e.Detail = map[string]any{"limit": "max_watch_topics", "max": most}
		return nil, e
	}
	return w, nil
}

func errNothingToWatch() error {
	return invalid("topics or prefixes is needed: what is to be watched")
}

// watchField reads the present field's value if it is one of a watch's. The
// value is not null.
func (f *fields) watchField(name string, w *watchRequest, l *Limits) bool {
	switch name {
	case "topics":
		w.topics = f.starts(name, l.MaxWatchTopics, record.CheckName)
	case "prefixes":
		w.prefixes = f.starts(name, l.MaxWatchTopics, checkPrefix)
	case "node":
		w.read.nodes = f.nodes(l)
	case "match":
		w.read.match = f.match()
	case "limit":
		w.read.limit = f.size(name)
	case "max_batch_bytes":
		w.read.batchBytes = f.size(name)
	case "heartbeat_ms":
		w.beatMS = max(f.size(name), 1)
	case "include_meta":
		w.read.meta = f.bool(name)
	case "include_tags":
		w.read.tags = f.bool(name)
	case "include_data":
		w.omitData = !f.bool(name)
	case "consistency":
		switch v := f.str(name); v {
		case "eventual", "strong":
			w.strong = v == "strong"
		default:
			f.refuse(name, `%q is neither "eventual" nor "strong"`, v)
		}
	default:
		return false
	}
	return true
}

// checkPrefix checks what names may begin with. The empty prefix is that of
// all names.
func checkPrefix(prefix string) *record.Error {
	if prefix == "" {
		return nil
	}
	return record.CheckName(prefix)
}

// starts reads an object of at most so many names, each with the place to
// begin at.
func (f *fields) starts(field string, most int, check func(string) *record.Error) map[string]watch.Start {
	starts := map[string]watch.Start{}
	f.Object()
	f.check(field)
	for f.next() {
		name := string(f.Name())
		if err := check(name); err != nil {
			f.refuse(field, "%s", err.Message)
			break
		}
		starts[name] = f.start(field + "." + name)
		if len(starts) > most {
			f.refuse(field, "at most %d can be watched at once", most)
		}
	}
	return starts
}

// start reads the place to begin at; null, and an object without fields, is the
// topic's beginning.
func (f *fields) start(name string) (at watch.Start) {
	if f.Null() {
		return at
	}
	f.Object()
	f.check(name)
	scope := f.scope
	f.scope += name + "."
	defer func() { f.scope = scope }()
	for f.next() {
		if !f.absent(startFields) && !f.startField(string(f.Name()), &at) {
			f.unknown(startFields)
		}
	}
	return at
}

// startField reads the present field's value if it says where to begin.
func (f *fields) startField(name string, at *watch.Start) bool {
	switch name {
	case "from_seq":
		at.From = f.uint(name)
	case "tail":
		at.Tail = f.bool(name)
	default:
		return false
	}
	return true
}
