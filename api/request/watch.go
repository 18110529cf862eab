package request

import (
	"time"

	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// Bounds and defaults of a watch. Values beyond the bounds are clamped.
const (
	defaultWatchBytes = 256 << 10
	DefaultHeartbeat  = 15 * time.Second
	MinHeartbeat      = time.Second
	MaxHeartbeat      = 60 * time.Second
)

// Watch is a watch as a client sends it, as the body of POST /v0/watch
// or as a subscribe.
type Watch struct {
	Topics   map[string]watch.Start
	Prefixes map[string]watch.Start
	read     Read // limit, batchBytes, nodes, match, tags and meta
	omitData bool
	beatMS   int64 // 0 for the default
	strong   bool
}

// NewWatch returns a watch of nothing, with the defaults.
func NewWatch() *Watch {
	return &Watch{
		Topics: map[string]watch.Start{}, Prefixes: map[string]watch.Start{},
		read: Read{Meta: true},
	}
}

// Options returns the session's options, with defaults and bounds applied.
func (w *Watch) Options(l *wire.Limits) watch.Options {
	if w.read.batchBytes == 0 {
		w.read.batchBytes = defaultWatchBytes
	}
	q := w.read.Query(l)
	beat := DefaultHeartbeat
	if w.beatMS != 0 {
		beat = time.Duration(min(w.beatMS, MaxHeartbeat.Milliseconds())) * time.Millisecond
	}
	return watch.Options{
		Nodes: q.Nodes, Match: q.Match, Limit: q.Limit, MaxBytes: q.MaxBytes,
		Heartbeat: max(beat, MinHeartbeat),
		Meta:      w.read.Meta, Tags: w.read.Tags, Data: !w.omitData, Strong: w.strong,
		Preview: w.read.Preview, Untouched: w.read.untouched,
	}
}

// The fields of a watch, and of the position at which one of its topics begins.
var (
	WatchFields = []string{
		"topics", "prefixes", "node", "match", "limit", "max_batch_bytes", "heartbeat_ms",
		"include_meta", "include_tags", "include_data", "consistency", "preview_bytes", "touch",
	}
	StartFields = []string{"from_seq", "from_ts", "tail"}
)

// DecodeWatch decodes the body of POST /v0/watch. The result does not alias it.
// Null for a field is the same as leaving it out.
func DecodeWatch(body []byte, l *wire.Limits, notes *wire.Notices) (*Watch, error) {
	w := NewWatch()
	if body == nil {
		return nil, errNothingToWatch()
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	for f.NextField() {
		if !f.Absent(WatchFields) && !ReadWatchField(&f, string(f.Name()), w, l) {
			f.Unknown(WatchFields)
		}
	}
	if err := f.Finish(); err != nil {
		return nil, err
	}
	return w, w.checkSize(l)
}

// checkSize refuses a watch of nothing, and one of too much.
func (w *Watch) checkSize(l *wire.Limits) error {
	switch n, most := len(w.Topics)+len(w.Prefixes), l.MaxWatchTopics; {
	case n == 0:
		return errNothingToWatch()
	case n > most:
		e := wire.Invalid("at most %d topics and prefixes can be watched at once", most)
		e.Detail = map[string]any{"limit": "max_watch_topics", "max": most}
		return e
	}
	return nil
}

func errNothingToWatch() error {
	return wire.Invalid("topics or prefixes is needed: what is to be watched")
}

// ReadWatchField reads the present field's value, which is not null, if it is one
// of a watch's. It reports whether it was.
func ReadWatchField(f *wire.Fields, name string, w *Watch, l *wire.Limits) bool {
	switch name {
	case "topics":
		w.Topics = readStarts(f, name, l.MaxWatchTopics, record.CheckName)
	case "prefixes":
		w.Prefixes = readStarts(f, name, l.MaxWatchTopics, checkPrefix)
	case "node":
		w.read.nodes = readNodes(f, l)
	case "match":
		w.read.match = ReadMatch(f)
	case "limit":
		w.read.limit = f.ReadSize(name)
	case "max_batch_bytes":
		w.read.batchBytes = f.ReadSize(name)
	case "heartbeat_ms":
		w.beatMS = max(f.ReadInt(name), 1)
	case "preview_bytes":
		w.read.Preview = preview(f.ReadSize(name))
	case "touch":
		w.read.untouched = !f.ReadBool(name)
	case "include_meta":
		w.read.Meta = f.ReadBool(name)
	case "include_tags":
		w.read.Tags = f.ReadBool(name)
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

// checkPrefix checks the prefix of names. All names have the empty prefix.
func checkPrefix(prefix string) *record.Error {
	if prefix == "" {
		return nil
	}
	return record.CheckName(prefix)
}

// readStarts reads an object of at most so many names, each with the position at
// which to begin.
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

// readStart reads the position at which to begin. Null and an object without
// fields are the topic's beginning.
func readStart(f *wire.Fields, name string) (at watch.Start) {
	if f.Null() {
		return at
	}
	f.Enter(name)
	outer := f.SetScope(name + ".")
	defer f.SetScope(outer)
	for f.NextField() {
		if !f.Absent(StartFields) && !ReadStartField(f, string(f.Name()), &at) {
			f.Unknown(StartFields)
		}
	}
	CheckStart(f, &at)
	return at
}

// CheckStart refuses a start at a time that is a start at a seq, too.
func CheckStart(f *wire.Fields, at *watch.Start) {
	if at.FromTS != nil && (at.From != 0 || at.Tail) {
		f.Refuse("from_ts", "is a position, as from_seq and tail are; give one")
	}
}

// ReadStartField reads the present field's value if it is one of a position's. It
// reports whether it was.
func ReadStartField(f *wire.Fields, name string, at *watch.Start) bool {
	switch name {
	case "from_seq":
		at.From = f.ReadUint(name)
	case "from_ts":
		at.FromTS = new(f.ReadSize(name))
	case "tail":
		at.Tail = f.ReadBool(name)
	default:
		return false
	}
	return true
}
