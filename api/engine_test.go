package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// memEngine keeps topics in maps: enough of an engine to see what the handlers
// ask it and how they render what it says.
type memEngine struct {
	Engine // nil: routers and watching are tried on the real one

	mu     sync.Mutex
	topics map[string]*memTopic
	last   *topic.Write // what the last Append was given; its slices are copies
	fail   error        // answered by Append and Read when set
	panics bool         // Append panics
	hasty  bool         // Read never waits
	cold   int          // cold segments that every Read says it read
	cost   topic.Cost   // of every DeleteRecords
}

type memTopic struct {
	config  record.Config
	records []record.Record
	dead    map[uint64]bool // deleted seqs
	grown   chan struct{}   // closed and replaced by every Append
}

func newMemEngine() *memEngine { return &memEngine{topics: map[string]*memTopic{}} }

func kindError(k record.Kind, message string) *record.Error {
	return &record.Error{Kind: k, Message: message}
}

func (e *memEngine) configure(name string, p *record.ConfigPatch, create, merge bool) (topics.Configured, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, base := e.topics[name], record.DefaultConfig()
	switch {
	case t == nil && !create:
		return topics.Configured{}, kindError(record.KindNotFound, "no such topic")
	case t != nil && merge:
		base = t.config
	}
	config, err := p.Apply(base, name)
	if err != nil {
		return topics.Configured{}, err
	}
	created := t == nil
	if created {
		t = &memTopic{grown: make(chan struct{})}
		e.topics[name] = t
	}
	t.config = config
	return topics.Configured{Created: created, Config: config}, nil
}

func (e *memEngine) Put(_ context.Context, name string, p *record.ConfigPatch) (topics.Configured, error) {
	return e.configure(name, p, true, false)
}

func (e *memEngine) Patch(_ context.Context, name string, p *record.ConfigPatch) (topics.Configured, error) {
	return e.configure(name, p, false, true)
}

func (e *memEngine) state(name string) topic.State {
	t := e.topics[name]
	n := uint64(len(t.records))
	st := topic.State{Name: name, Config: t.config, Head: n, Earliest: 1, Count: int64(n) - int64(len(t.dead))}
	for t.dead[st.Earliest] {
		st.Earliest++
	}
	if n > 0 {
		st.LastWrite = t.records[n-1].TS
	}
	if t.config.Type == record.TypeQueue {
		st.Queue = &queue.Counts{Ready: st.Count}
	}
	return st
}

func (e *memEngine) State(name string, _ bool) (topic.State, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.topics[name] == nil {
		return topic.State{}, kindError(record.KindNotFound, "no such topic")
	}
	return e.state(name), nil
}

func (e *memEngine) List(prefix, after string, limit int) (page []topic.State, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for name := range e.topics {
		if strings.HasPrefix(name, prefix) && name > after {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	more = len(names) > limit
	for _, name := range names[:min(limit, len(names))] {
		page = append(page, e.state(name))
	}
	return page, more
}

func (e *memEngine) CountTopics(prefixes []string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.topics {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			n++
		}
	}
	return n
}

func (e *memEngine) Activity(string) topic.Activity { return topic.Activity{} }

func (e *memEngine) Delete(_ context.Context, name string, ifEmpty bool) (topics.Removal, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[name]
	if t != nil && ifEmpty && len(t.records) > 0 {
		return topics.Removal{}, kindError(record.KindNotEmpty, "there are records")
	}
	delete(e.topics, name)
	return topics.Removal{Deleted: t != nil}, nil
}

func (e *memEngine) PreviewDelete(name string, ifEmpty bool) (topics.Preview, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[name]
	if t == nil {
		return topics.Preview{}, nil
	}
	if ifEmpty && len(t.records) > 0 {
		return topics.Preview{}, kindError(record.KindNotEmpty, "there are records")
	}
	st := e.state(name)
	return topics.Preview{Size: record.Size{Records: st.Count, Bytes: 10 * st.Count}, Head: st.Head}, nil
}

func (e *memEngine) PreviewDeletion(name string, d *topics.Deletion) (topics.Preview, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[name]
	if t == nil {
		return topics.Preview{}, kindError(record.KindNotFound, "no such topic")
	}
	out := topics.Preview{Head: uint64(len(t.records))}
	for i := range t.records {
		if t.selected(&t.records[i], d) {
			out.Size.Add(record.Size{Records: 1, Bytes: 10})
		}
	}
	return out, nil
}

// selected reports whether a deletion deletes a record.
func (t *memTopic) selected(r *record.Record, d *topics.Deletion) bool {
	return (d.Before == nil || r.Seq < *d.Before) && (d.Match == nil || d.Match.Tag(r.Tag)) && !t.dead[r.Seq]
}

func (e *memEngine) DeleteRecords(_ context.Context, name string, d *topics.Deletion) (topics.Deleted, error) {
	if e.fail != nil {
		return topics.Deleted{}, e.fail
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.topics[name]
	if t == nil {
		return topics.Deleted{}, kindError(record.KindNotFound, "no such topic")
	}
	out := topics.Deleted{Cost: e.cost}
	for i := range t.records {
		if r := &t.records[i]; t.selected(r, d) {
			if t.dead == nil {
				t.dead = map[uint64]bool{}
			}
			t.dead[r.Seq] = true
			out.Deleted++
		}
	}
	st := e.state(name)
	out.Earliest, out.Head, out.Count, out.Bytes = st.Earliest, st.Head, st.Count, 10*st.Count
	return out, nil
}

// Repeats knows no keys.
func (e *memEngine) Repeats(string, *topic.Write) bool { return false }

func (e *memEngine) Append(_ context.Context, name string, w *topic.Write) (topic.Written, error) {
	if e.panics {
		panic("as the test wants")
	}
	if e.fail != nil {
		return topic.Written{}, e.fail
	}
	created := false
	e.mu.Lock()
	if e.topics[name] == nil {
		e.topics[name] = &memTopic{config: record.DefaultConfig(), grown: make(chan struct{})}
		created = true
	}
	defer e.mu.Unlock()
	t := e.topics[name]
	first := uint64(len(t.records) + 1)
	own := *w
	own.Records = nil
	for i, r := range w.Records {
		r.Seq, r.TS = first+uint64(i), 1_700_000_000_000
		r.Data, r.Meta = bytes.Clone(r.Data), bytes.Clone(r.Meta)
		r.Tag, r.Node = bytes.Clone(r.Tag), bytes.Clone(r.Node)
		own.Records = append(own.Records, r)
	}
	e.last = &own
	t.records = append(t.records, own.Records...)
	close(t.grown)
	t.grown = make(chan struct{})
	n := uint64(len(t.records))
	return topic.Written{First: first, Last: n, Head: n, Count: len(w.Records), Created: created}, nil
}

// Begin is Append: there is nothing to wait for.
func (e *memEngine) Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error) {
	written, err := e.Append(ctx, name, w)
	return &topic.Pending{Written: written}, err
}

func (e *memEngine) Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error) {
	if e.fail != nil {
		return nil, e.fail
	}
	for {
		e.mu.Lock()
		t := e.topics[name]
		if t == nil {
			e.mu.Unlock()
			return nil, kindError(record.KindNotFound, "no such topic")
		}
		head := uint64(len(t.records))
		b := &topic.Batch{Head: head, Earliest: 1, NextFrom: min(q.From, head)}
		b.Cost.Cold = e.cold
		for _, r := range t.records[b.NextFrom:] {
			if len(b.Records) == q.Limit {
				break
			}
			b.NextFrom = r.Seq
			b.Cost.Scanned++
			if t.dead[r.Seq] || q.Match != nil && !q.Match.Tag(r.Tag) || slices.Contains(q.Nodes, string(r.Node)) {
				continue
			}
			b.Records = append(b.Records, r)
		}
		grown := t.grown
		e.mu.Unlock()
		if len(b.Records) > 0 || q.Wait == 0 || e.hasty {
			return b, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (e *memEngine) Routers(_, _, _, _ string, _ int) ([]router.State, bool) {
	return nil, false
}

func (e *memEngine) Totals() topic.Totals                    { return topic.Totals{} }
func (e *memEngine) Pressure() float64                       { return 0 }
func (e *memEngine) Busiest(int) ([]topics.TopicGauge, bool) { return nil, false }

// signalEngine says when the first read begins.
type signalEngine struct {
	*memEngine
	once    sync.Once
	reading chan struct{}
}

func (e *signalEngine) Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error) {
	e.once.Do(func() { close(e.reading) })
	return e.memEngine.Read(ctx, name, q)
}

// openServer is a ready server over a memEngine.
func openServer(more func(*Options)) (*Server, *memEngine) {
	w := newWorld()
	w.progress = health.Progress{Phase: health.PhaseReady, Fraction: 1}
	opts := Options{Version: "test", Hosts: testHosts, Gate: w, Health: w, Log: zerolog.Nop()}
	if more != nil {
		more(&opts)
	}
	s, e := New(opts), newMemEngine()
	s.Open(e)
	return s, e
}

// do runs one request through the whole server.
func do(s http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	var src io.Reader
	if body != "" {
		src = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, src)
	if body != "" {
		r.Header.Set("Content-Type", wire.MediaJSON)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if _, ok := s.(invented); !ok {
		s = described(s, undescribed)
	}
	s.ServeHTTP(w, r)
	return w
}

// wantCode checks an error's status, code and envelope and returns its message.
func wantCode(t *testing.T, w *httptest.ResponseRecorder, status int, code string) string {
	t.Helper()
	body := object(t, w)
	e, _ := body["error"].(map[string]any)
	if w.Code != status || e == nil || e["code"] != code {
		t.Errorf("answer %d %s, want %d %s", w.Code, w.Body, status, code)
		return ""
	}
	if w.Header().Get("Content-Type") != wire.MediaJSON {
		t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
	}
	return fmt.Sprint(e["message"])
}
