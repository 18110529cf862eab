package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// watched is a fake server with watch sessions: records are numbers, topics
// count from 1, and sessions last until forget.
type watched struct {
	mu       sync.Mutex
	moved    chan struct{} // closed and replaced by every change
	heads    map[string]uint64
	sessions map[string]*fakeSession
	created  []string // bodies of the requests that created sessions
	opened   []string // Last-Event-ID of each stream
	// cut, if not nil, decides for each message whether the connection breaks
	// before or after it. In both cases the server considers it sent.
	cut func(n int) (before, after bool)
	// ahead, if not nil, is called first and reports whether it has answered.
	ahead func(w http.ResponseWriter, r *http.Request) bool
	sent  int
	named bool // answers to a watchRequest include the start of each topic
}

type fakeSession struct {
	cursors  map[string]uint64
	prefixes map[string]Start
}

func newWatched() *watched {
	return &watched{moved: make(chan struct{}), heads: map[string]uint64{}, sessions: map[string]*fakeSession{}}
}

// write appends n records to a topic.
func (f *watched) write(topic string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.heads[topic]; !ok {
		for _, s := range f.sessions {
			for p, at := range s.prefixes {
				if _, known := s.cursors[topic]; strings.HasPrefix(topic, p) && !known {
					s.cursors[topic] = at.From
				}
			}
		}
	}
	f.heads[topic] += uint64(n)
	f.wakeLocked()
}

// forget drops all sessions and their streams, as a restart does.
func (f *watched) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.sessions)
	f.wakeLocked()
}

func (f *watched) wakeLocked() {
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.ahead != nil && f.ahead(w, r) {
		return
	}
	if r.Method == http.MethodPost {
		f.create(w, r)
		return
	}
	f.stream(w, r)
}

func (f *watched) create(w http.ResponseWriter, r *http.Request) {
	var body struct{ Topics, Prefixes map[string]Start }
	raw := new(strings.Builder)
	if err := json.NewDecoder(io.TeeReader(r.Body, raw)).Decode(&body); err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &fakeSession{cursors: map[string]uint64{}, prefixes: body.Prefixes}
	for p, at := range body.Prefixes {
		for name, head := range f.heads {
			if strings.HasPrefix(name, p) {
				s.cursors[name] = at.From
				if at.Tail {
					s.cursors[name] = head
				}
			}
		}
	}
	for name, at := range body.Topics {
		head, ok := f.heads[name]
		switch {
		case ok && at.Tail:
			s.cursors[name] = head
		case ok:
			s.cursors[name] = at.From
		case r.URL.Query().Get("lenient") != "true":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, envelope(CodeTopicNotFound))
			return
		}
	}
	f.created = append(f.created, raw.String())
	id := fmt.Sprintf("wid_%d", len(f.created))
	f.sessions[id] = s
	answer := map[string]map[string]uint64{}
	for name, at := range s.cursors {
		answer[name] = map[string]uint64{"from_seq": at, "head_seq": f.heads[name]}
	}
	text, _ := json.Marshal(answer)
	last := ""
	if f.named {
		cursors, _ := json.Marshal(s.cursors)
		last = base64.RawURLEncoding.EncodeToString(cursors)
	}
	fmt.Fprintf(w, `{"wid":%q,"stream_url":"/v0/watch/%s","topics":%s,"last_event_id":%q}`, id, id, text, last)
}

func (f *watched) stream(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/v0/watch/")
	s := f.sessions[id]
	if s == nil {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, envelope(CodeNotFound))
		return
	}
	last := r.Header.Get("Last-Event-ID")
	f.opened = append(f.opened, last)
	if last != "" {
		raw, _ := base64.RawURLEncoding.DecodeString(last)
		var known map[string]uint64
		if err := json.Unmarshal(raw, &known); err != nil {
			panic(err)
		}
		for name, at := range known {
			s.cursors[name] = min(at, s.cursors[name])
		}
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	fmt.Fprint(w, "retry: 2000\n\n: hb 1\n\n")
	flush := w.(http.Flusher).Flush
	flush()
	send := func(event, data string) {
		f.sent++
		before, after := false, false
		if f.cut != nil {
			before, after = f.cut(f.sent)
		}
		if before {
			panic(http.ErrAbortHandler)
		}
		cursors, _ := json.Marshal(s.cursors)
		fmt.Fprintf(w, "event: %s\nid: %s\ndata: %s\n\n", event, base64.RawURLEncoding.EncodeToString(cursors), data)
		flush()
		if after {
			panic(http.ErrAbortHandler)
		}
	}
	for f.sessions[id] == s {
		drained := true
		for _, name := range slices.Sorted(maps.Keys(s.cursors)) {
			from, head := s.cursors[name], f.heads[name]
			if from >= head {
				continue
			}
			drained = false
			to := min(head, from+3)
			var records []string
			for seq := from + 1; seq <= to; seq++ {
				records = append(records, fmt.Sprintf(`{"$seq":%d,"$ts":1,"data":{"n": %d}}`, seq, seq))
			}
			s.cursors[name] = to
			send("record", fmt.Sprintf(`{"topic":%q,"records":[%s],"from_seq":%d,"to_seq":%d,"head_seq":%d}`,
				name, strings.Join(records, ","), from, to, head))
			if to == head {
				send("caught-up", fmt.Sprintf(`{"topic":%q,"head_seq":%d}`, name, head))
			}
		}
		if !drained {
			continue
		}
		moved := f.moved
		f.mu.Unlock()
		select {
		case <-moved:
		case <-r.Context().Done():
		}
		f.mu.Lock()
		if r.Context().Err() != nil {
			return
		}
	}
}

// inMemory is a transport that calls a handler directly and streams its answer.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	out, in := io.Pipe()
	w := &pipeWriter{PipeWriter: in, header: http.Header{}, begun: make(chan int, 1)}
	context.AfterFunc(r.Context(), func() { in.CloseWithError(r.Context().Err()) })
	go func() {
		defer func() {
			err := io.EOF
			if recover() != nil {
				err = io.ErrUnexpectedEOF // as if the connection broke
			}
			w.WriteHeader(http.StatusOK)
			in.CloseWithError(err)
		}()
		m.ServeHTTP(w, r)
	}()
	return &http.Response{StatusCode: <-w.begun, Header: w.header, Body: out}, nil
}

type pipeWriter struct {
	*io.PipeWriter
	header http.Header
	begun  chan int
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) Flush()              {}
func (w *pipeWriter) WriteHeader(status int) {
	select {
	case w.begun <- status:
	default: // the answer has begun
	}
}
func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.PipeWriter.Write(b)
}
