package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// errLeft says that the caller's loop was left.
var errLeft = errors.New("the loop was left")

// The server's heartbeat, and what it makes of others.
const (
	defaultHeartbeat  = 15 * time.Second
	shortestHeartbeat = time.Second
	longestHeartbeat  = time.Minute
)

// session is one Watch: a session at the server, or several one after the
// other, and how far the caller has got. It is used by one goroutine.
type session struct {
	c     *Client
	watch *Watch
	yield func(Event, error) bool
	id    string // of the server's session; empty: there is none
	// lastID is the last that the stream named, or where the session begins. It
	// stands for what has been yielded, which may be less than what the server
	// has sent: also to a connection that broke before its answer came, and
	// that the transport may have replaced by itself.
	lastID string
	// cursors are the last seqs accounted for, of every topic that is known.
	// They outlive the server's session.
	cursors map[string]uint64
	begun   bool          // there has been a session
	opened  bool          // the server's session may have had a stream
	news    bool          // the current run had an event, or a heartbeat
	silence time.Duration // a stream that says nothing for so long is dead
}

func newSession(c *Client, w *Watch, yield func(Event, error) bool) *session {
	heartbeat := w.Heartbeat
	if heartbeat == 0 {
		heartbeat = defaultHeartbeat
	}
	return &session{
		c: c, watch: w, yield: yield, cursors: map[string]uint64{},
		silence: min(max(heartbeat, shortestHeartbeat), longestHeartbeat) + c.timeout,
	}
}

// run takes the stream up where the caller has got to, and yields what it says
// until it breaks. It always returns an error.
func (s *session) run(ctx context.Context) error {
	s.news = false
	// Without an id of what was received, the server would go on behind what
	// it sent.
	if s.id != "" && (s.lastID != "" || !s.opened) {
		err := s.follow(ctx)
		if !IsCode(err, CodeNotFound) {
			return err
		}
		s.id = "" // it has been forgotten, as by a restart
	}
	if err := s.create(ctx); err != nil {
		return err
	}
	return s.follow(ctx)
}

// create makes a session at the server that begins where the caller has got
// to.
func (s *session) create(ctx context.Context) error {
	topics, prefixes, query := s.watch.Topics, s.watch.Prefixes, url.Values(nil)
	if s.begun {
		// Topics that are gone are told of below. One of a prefix that is not
		// known was made after the last session, so all of it is news.
		topics, prefixes, query = map[string]Start{}, map[string]Start{}, url.Values{"lenient": {"true"}}
		for name, seq := range s.cursors {
			topics[name] = Start{From: seq}
		}
		for prefix := range s.watch.Prefixes {
			prefixes[prefix] = Start{}
		}
	}
	body, err := s.watch.encode(topics, prefixes)
	if err != nil {
		return err
	}
	resp, body, err := s.c.attempt(ctx, call{method: http.MethodPost, path: "/v0/watch", query: query, body: body})
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return readError(resp, body)
	}
	var made watchAnswer
	if err := json.Unmarshal(body, &made); err != nil || made.ID == "" {
		return fmt.Errorf("POST /v0/watch: answer is not the expected JSON: %w", errors.Join(err, errJSON))
	}
	s.id, s.lastID, s.opened = made.ID, made.LastID, false
	if s.begun {
		for name, seq := range s.cursors {
			if _, ok := made.Topics[name]; !ok {
				delete(s.cursors, name)
				if !s.yield(TopicDeleted{Topic: name, Head: seq, Reason: "deleted"}, nil) {
					return errLeft
				}
			}
		}
	}
	s.begun = true
	for name, at := range made.Topics {
		if _, ok := s.cursors[name]; !ok {
			s.cursors[name] = at.From
		}
	}
	return nil
}

// follow opens the session's stream and yields what it says until it breaks.
func (s *session) follow(ctx context.Context) error {
	silent := fmt.Errorf("the stream was silent for %s", s.silence)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The clock stands still while the caller is busy with an event.
	clock := time.AfterFunc(s.silence, func() { cancel(silent) })
	defer clock.Stop()
	err := s.pump(ctx, clock)
	if context.Cause(ctx) == silent {
		return silent
	}
	return err
}

func (s *session) pump(ctx context.Context, clock *time.Timer) error {
	req, err := s.c.request(ctx, call{
		method: http.MethodGet,
		path:   "/v0/watch/" + url.PathEscape(s.id),
		accept: "text/event-stream",
		lastID: s.lastID,
	})
	if err != nil {
		return err
	}
	before := s.opened
	s.opened = true // whatever comes of it
	resp, err := s.c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := readBody(resp)
		if err != nil {
			return err
		}
		e := readError(resp, body)
		if e.Code != "" { // the server's own word, and not that of a proxy
			s.opened = before
		}
		return e
	}
	in := newStream(resp.Body, s.lastID)
	in.comment = func() {
		s.news = true
		clock.Reset(s.silence)
	}
	for {
		m, err := in.next()
		if err != nil {
			return err
		}
		clock.Stop()
		s.news = true
		if err := s.take(m); err != nil {
			return err
		}
		// Only now: what is named has been yielded.
		s.lastID = m.id
		clock.Reset(s.silence)
	}
}

// take yields one message.
func (s *session) take(m message) error {
	var (
		e   Event
		err error
	)
	switch m.event {
	case "record":
		e, err = s.records(m.data)
	case "tombstone":
		e, err = s.tombstone(m.data)
	case "caught-up":
		var caught CaughtUp
		err = json.Unmarshal(m.data, &caught)
		e = caught
		if at, ok := s.cursors[caught.Topic]; ok {
			s.cursors[caught.Topic] = max(at, caught.Head) // nothing in between was wanted
		}
	case "topic-deleted":
		var deleted TopicDeleted
		err = json.Unmarshal(m.data, &deleted)
		e = deleted
		if _, named := s.watch.Topics[deleted.Topic]; named {
			s.cursors[deleted.Topic] = 0
		} else {
			// If it is made again its prefix brings it, as what is not known.
			delete(s.cursors, deleted.Topic)
		}
	case "error":
		return readFault(m.data)
	}
	if err != nil {
		return fmt.Errorf("event %q of a watch: %w", m.event, err)
	}
	// Nothing: all of it is known, or it is of a kind that a later server has.
	if e != nil && !s.yield(e, nil) {
		return errLeft
	}
	return nil
}

// records are those of a message that have not been yielded; nil: none.
func (s *session) records(data []byte) (Event, error) {
	r := Records{}
	in := &scanner{b: data}
	err := in.object(func(name []byte) (err error) {
		switch string(name) {
		case "topic":
			topic, err := in.text(nil)
			if err == nil {
				r.Topic = *topic
			}
			return err
		case "records":
			r.Records, err = scanRecords(in)
			return err
		case "to_seq":
			return in.uint(&r.To)
		case "head_seq":
			return in.uint(&r.Head)
		}
		return in.skip()
	})
	if err != nil {
		return nil, err
	}
	at := s.cursors[r.Topic]
	known := 0
	for known < len(r.Records) && r.Records[known].Seq <= at {
		known++
	}
	r.Records = r.Records[known:]
	if n := len(r.Records); n > 0 {
		r.To = max(r.To, r.Records[n-1].Seq)
	}
	s.cursors[r.Topic] = max(at, r.To)
	if len(r.Records) == 0 {
		return nil, nil
	}
	return r, nil
}

// tombstone is the part of a message's gap that has not been yielded; nil:
// none.
func (s *session) tombstone(data []byte) (Event, error) {
	var t Tombstone
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	at := s.cursors[t.Topic]
	if t.Reason != "recreated" {
		if t.GapTo <= at {
			return nil, nil
		}
		t.GapFrom = max(t.GapFrom, at+1)
	}
	// A topic that was made again counts from 1: its gap lies below the cursor.
	s.cursors[t.Topic] = t.GapTo
	return t, nil
}
