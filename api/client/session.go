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

// errLeft reports that the caller left the loop.
var errLeft = errors.New("the loop was left")

// The server's default heartbeat, and the bounds that it applies to others.
const (
	defaultHeartbeat  = 15 * time.Second
	shortestHeartbeat = time.Second
	longestHeartbeat  = time.Minute
)

// session is the state of one Watch: the server's current session, which may
// replace earlier ones, and the caller's progress. It is used by one goroutine.
type session struct {
	c     *Client
	watch *Watch
	yield func(Event, error) bool
	id    string // of the server's session; empty if there is none
	// lastID is the last id that the stream gave, or where the session begins. It
	// covers only what has been yielded. The server may have sent more: for
	// example to a connection that broke before its answer arrived, and that the
	// transport replaced by itself.
	lastID string
	// cursors has the last seq accounted for of every known topic. It outlives the
	// server's session.
	cursors map[string]uint64
	begun   bool          // a session has been created before
	opened  bool          // the server's session may have had a stream
	news    bool          // the current run had an event or a heartbeat
	silence time.Duration // a stream without any data for this long is dead
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

// run resumes the stream at the caller's progress and yields its events until
// it breaks. It always returns an error.
func (s *session) run(ctx context.Context) error {
	s.news = false
	// Without the id of the last event, the server would continue after what it
	// has sent, which may be more than was received.
	if s.id != "" && (s.lastID != "" || !s.opened) {
		err := s.follow(ctx)
		if !IsCode(err, CodeNotFound) {
			return err
		}
		s.id = "" // the server has forgotten the session, for example by a restart
	}
	if err := s.create(ctx); err != nil {
		return err
	}
	return s.follow(ctx)
}

// create makes a session at the server that begins at the caller's progress.
func (s *session) create(ctx context.Context) error {
	topics, prefixes, query := s.watch.Topics, s.watch.Prefixes, url.Values(nil)
	if s.begun {
		// Topics that are gone are reported below. A topic of a prefix that is not
		// known was created after the last session, so it is read from its beginning.
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

// follow opens the session's stream and yields its events until it breaks.
func (s *session) follow(ctx context.Context) error {
	before := s.opened
	s.opened = true // even if the request fails
	began := false
	err := s.c.listen(ctx, call{
		method: http.MethodGet,
		path:   "/v0/watch/" + url.PathEscape(s.id),
		lastID: s.lastID,
	}, &listener{
		silence: s.silence,
		opened:  func() { began = true },
		alive:   func() { s.news = true },
		take: func(m message) error {
			err := s.take(m)
			if err == nil {
				// Only now, because the id covers only what has been yielded.
				s.lastID = m.id
			}
			return err
		},
	})
	var e *Error
	if !began && errors.As(err, &e) && e.Code != "" { // refused by the server itself, not by a proxy
		s.opened = before
	}
	return err
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
			s.cursors[caught.Topic] = max(at, caught.Head) // the seqs in between were filtered out
		}
	case "topic-deleted":
		var deleted TopicDeleted
		err = json.Unmarshal(m.data, &deleted)
		e = deleted
		if _, named := s.watch.Topics[deleted.Topic]; named {
			s.cursors[deleted.Topic] = 0
		} else {
			// If it is created again, its prefix brings it back as an unknown topic.
			delete(s.cursors, deleted.Topic)
		}
	case "error":
		return readFault(m.data)
	}
	if err != nil {
		return fmt.Errorf("event %q of a watch: %w", m.event, err)
	}
	// e is nil if everything in it has been yielded before, or if its kind is
	// unknown, such as one of a later server.
	if e != nil && !s.yield(e, nil) {
		return errLeft
	}
	return nil
}

// records returns the records of a message that have not been yielded, or nil.
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

// tombstone returns the part of a message's gap that has not been yielded, or
// nil.
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
	// A topic that was created again starts at seq 1, so its gap may lie below the
	// cursor.
	s.cursors[t.Topic] = t.GapTo
	return t, nil
}
