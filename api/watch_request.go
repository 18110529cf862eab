package api

import (
	"time"

	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
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
func (w *watchRequest) options(l *wire.Limits) watch.Options {
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
func decodeWatch(body []byte, l *wire.Limits, notes *wire.Notices) (*watchRequest, error) {
	w := newWatchRequest()
	if body == nil {
		return nil, errNothingToWatch()
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	for f.NextField() {
		if !f.Absent(watchFields) && !readWatchField(&f, string(f.Name()), w, l) {
			f.Unknown(watchFields)
		}
	}
	if err := f.Finish(); err != nil {
		return nil, err
	}
	switch n, most := len(w.topics)+len(w.prefixes), l.MaxWatchTopics; {
	case n == 0:
		return nil, errNothingToWatch()
	case n > most:
		e := wire.Invalid("at most %d topics and prefixes can be watched at once", most)
		e.Detail = map[string]any{"limit": "max_watch_topics", "max": most}
		return nil, e
	}
	return w, nil
}

func errNothingToWatch() error {
	return wire.Invalid("topics or prefixes is needed: what is to be watched")
}

// readWatchField reads the present field's value if it is one of a watch's. The
// value is not null.
func readWatchField(f *wire.Fields, name string, w *watchRequest, l *wire.Limits) bool {
	switch name {
	case "topics":
		w.topics = readStarts(f, name, l.MaxWatchTopics, record.CheckName)
	case "prefixes":
		w.prefixes = readStarts(f, name, l.MaxWatchTopics, checkPrefix)
	case "node":
		w.read.nodes = readNodes(f, l)
	case "match":
		w.read.match = readMatch(f)
	case "limit":
		w.read.limit = f.ReadSize(name)
	case "max_batch_bytes":
		w.read.batchBytes = f.ReadSize(name)
	case "heartbeat_ms":
		w.beatMS = max(f.ReadSize(name), 1)
	case "include_meta":
		w.read.meta = f.ReadBool(name)
	case "include_tags":
		w.read.tags = f.ReadBool(name)
	case "include_data":
		w.omitData = !f.ReadBool(name)
	case "consistency":
		switch v := f.ReadString(name); v {
		case "eventual", "strong":
			w.strong = v == "strong"
		default:
			f.Refuse(name, `%q is neither "eventual" nor "strong"`, v)
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

// readStarts reads an object of at most so many names, each with the place to
// begin at.
func readStarts(f *wire.Fields, field string, most int, check func(string) *record.Error) map[string]watch.Start {
	starts := map[string]watch.Start{}
	f.Enter(field)
	for f.NextField() {
		name := string(f.Name())
		if err := check(name); err != nil {
			f.Refuse(field, "%s", err.Message)
			break
		}
		starts[name] = readStart(f, field+"."+name)
		if len(starts) > most {
			f.Refuse(field, "at most %d can be watched at once", most)
		}
	}
	return starts
}

// readStart reads the place to begin at; null, and an object without fields, is the
// topic's beginning.
func readStart(f *wire.Fields, name string) (at watch.Start) {
	if f.Null() {
		return at
	}
	f.Enter(name)
	outer := f.SetScope(name + ".")
	defer f.SetScope(outer)
	for f.NextField() {
		if !f.Absent(startFields) && !readStartField(f, string(f.Name()), &at) {
			f.Unknown(startFields)
		}
	}
	return at
}

// readStartField reads the present field's value if it says where to begin.
func readStartField(f *wire.Fields, name string, at *watch.Start) bool {
	switch name {
	case "from_seq":
		at.From = f.ReadUint(name)
	case "tail":
		at.Tail = f.ReadBool(name)
	default:
		return false
	}
	return true
}
