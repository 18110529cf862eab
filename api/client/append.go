package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Entry is one record to append.
type Entry struct {
	Data json.RawMessage // any JSON value, sent verbatim
	Meta json.RawMessage // a JSON object, sent verbatim; may be nil
	Tag  *string         // may be nil
	Node *string         // if nil, Write.Node applies
	Job  JobAttributes   // for a queue
	// Raw, if not nil, is the whole record as it appears in the request body. The
	// other fields are then ignored.
	Raw json.RawMessage
}

// JobAttributes are what a write says of a job. Only a queue has them; a server
// refuses them for any other topic.
type JobAttributes struct {
	Delay     time.Duration // the job is not delivered before it is over; in whole ms
	NotBefore time.Time     // nor before this time, unless it is zero; it excludes Delay
	// Group, if not empty, is delivered one job at a time, in order of seq.
	Group string
	// UniqueKey, if not empty, is of at most one job that is neither acked nor
	// dead: a write of another one appends nothing and gets the seq of the first.
	UniqueKey string
	Priority  int // higher ones are delivered first; -100 to 100
}

// Write is one append: either all of its entries are appended or none.
type Write struct {
	Entries        []Entry
	Node           string  // default for entries without one
	IdempotencyKey string  // makes a repeat harmless within the topic's window
	ExpectedHead   *uint64 // append only if this is the head
	Create         *bool   // if nil, the topic's config decides
	Config         *Config // used only when this write creates the topic
	OmitSeqs       bool    // asks the server to leave Written.Seqs out
	// DisableBackpressure asks the server to let the write wait in the log's queue
	// instead of throttling it.
	DisableBackpressure bool
}

// Written is the answer to an append.
type Written struct {
	FirstSeq uint64   `json:"first_seq"`
	LastSeq  uint64   `json:"last_seq"`
	Seqs     []uint64 `json:"seqs"`
	// DedupedSeqs are those of Seqs that this write did not append, because jobs
	// with their unique keys were there. FirstSeq and LastSeq are of the others, and
	// 0 if there are none.
	DedupedSeqs []uint64 `json:"deduped_seqs"`
	HeadSeq     uint64   `json:"head_seq"`
	Count       int      `json:"count"`
	Created     bool     `json:"created"`
	Deduped     bool     `json:"deduped"`
}

// decode implements decoder.
func (w *Written) decode(body []byte) error {
	s := &scanner{b: body}
	if err := w.scan(s); err != nil {
		return err
	}
	return s.end()
}

// scan parses an answer to an append, which may be a part of another answer.
func (w *Written) scan(s *scanner) error {
	err := s.object(func(name []byte) (err error) {
		switch string(name) {
		case "first_seq":
			return s.uint(&w.FirstSeq)
		case "last_seq":
			return s.uint(&w.LastSeq)
		case "seqs":
			w.Seqs, err = s.uints()
			return err
		case "deduped_seqs":
			w.DedupedSeqs, err = s.uints()
			return err
		case "head_seq":
			return s.uint(&w.HeadSeq)
		case "count":
			var n uint64
			err := s.uint(&n)
			w.Count = int(n)
			return err
		case "created":
			return s.bool(&w.Created)
		case "deduped":
			return s.bool(&w.Deduped)
		}
		return s.skip()
	})
	if err == nil && (w.FirstSeq == 0 || w.LastSeq == 0) && len(w.DedupedSeqs) == 0 {
		err = errForeign
	}
	return err
}

// Append appends entries to a topic. A write that the server refused without
// starting it (429, or 503 while it starts or stops) is retried. After a
// failure whose outcome is unknown, only a write with an idempotency key is.
func (c *Client) Append(ctx context.Context, topic string, w *Write) (Written, error) {
	body, err := w.encode()
	if err != nil {
		return Written{}, err
	}
	cl := call{
		method:     http.MethodPost,
		path:       topicPath(topic),
		body:       body,
		repeatable: w.IdempotencyKey != "",
	}
	if w.OmitSeqs {
		cl.query = url.Values{"return_seqs": {"false"}}
	}
	var out Written
	err = c.do(ctx, cl, &out)
	return out, err
}

// encode builds the body by hand, because encoding/json would compact and
// escape payloads that must be sent verbatim.
func (w *Write) encode() ([]byte, error) {
	size := 256
	for i := range w.Entries {
		e := &w.Entries[i]
		size += len(e.Raw) + len(e.Data) + len(e.Meta) + 128
	}
	b := append(make([]byte, 0, size), `{"records":[`...)
	for i := range w.Entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = w.Entries[i].append(b)
	}
	b = append(b, ']')
	if w.Node != "" {
		b = appendString(append(b, `,"node":`...), w.Node)
	}
	if w.IdempotencyKey != "" {
		b = appendString(append(b, `,"idempotency_key":`...), w.IdempotencyKey)
	}
	if w.ExpectedHead != nil {
		b = strconv.AppendUint(append(b, `,"expected_head_seq":`...), *w.ExpectedHead, 10)
	}
	if w.Create != nil {
		b = strconv.AppendBool(append(b, `,"create":`...), *w.Create)
	}
	if w.Config != nil {
		config, err := json.Marshal(w.Config)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"config":`...), config...)
	}
	if w.DisableBackpressure {
		b = append(b, `,"disable_backpressure":true`...)
	}
	return append(b, '}'), nil
}

func (e *Entry) append(b []byte) []byte {
	if e.Raw != nil {
		return append(b, e.Raw...)
	}
	b = append(b, `{"data":`...)
	if e.Data == nil {
		b = append(b, `null`...)
	}
	b = append(b, e.Data...)
	if e.Tag != nil {
		b = appendString(append(b, `,"tag":`...), *e.Tag)
	}
	if e.Node != nil {
		b = appendString(append(b, `,"node":`...), *e.Node)
	}
	if e.Meta != nil {
		b = append(append(b, `,"meta":`...), e.Meta...)
	}
	return append(e.Job.append(b), '}')
}

// append appends the fields of a record that are set.
func (j *JobAttributes) append(b []byte) []byte {
	if j.Delay != 0 {
		b = strconv.AppendInt(append(b, `,"delay_ms":`...), j.Delay.Milliseconds(), 10)
	}
	if !j.NotBefore.IsZero() {
		b = strconv.AppendInt(append(b, `,"not_before":`...), j.NotBefore.UnixMilli(), 10)
	}
	if j.Group != "" {
		b = appendString(append(b, `,"group":`...), j.Group)
	}
	if j.UniqueKey != "" {
		b = appendString(append(b, `,"unique_key":`...), j.UniqueKey)
	}
	if j.Priority != 0 {
		b = strconv.AppendInt(append(b, `,"priority":`...), int64(j.Priority), 10)
	}
	return b
}

// appendString appends s as a JSON string. Marshalling a string cannot fail.
func appendString(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, _ := json.Marshal(s)
	return append(b, quoted...)
}

// plain reports whether s needs no escapes in JSON.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
