package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// watcher follows topics over SSE as any client may according to the contract:
// with Last-Event-ID while the session exists, and with a new session after the
// server has lost it.
type watcher struct {
	*book
	http     *http.Client
	base     string
	topics   []string
	prefixes []string
	// byID makes each session but the first begin at the tail and then rewind with
	// the id of the last event, instead of beginning at the cursors.
	byID bool

	wid      string
	lastID   string
	sessions atomic.Int64 // number of sessions made
	resumed  atomic.Int64 // number of streams opened with Last-Event-ID
	open     atomic.Pointer[stream]
}

// session creates a session.
func (w *watcher) session(ctx context.Context) error {
	at := func(topic string) map[string]any {
		if w.byID && w.lastID != "" {
			return map[string]any{"tail": true}
		}
		return map[string]any{"from_seq": w.cursor(topic)}
	}
	ask := map[string]any{"heartbeat_ms": 1000}
	topics, prefixes := map[string]any{}, map[string]any{}
	for _, name := range append(w.names(), w.topics...) {
		topics[name] = at(name)
	}
	for _, name := range w.prefixes {
		// Topics that are unknown so far are read from the beginning.
		prefixes[name] = map[string]any{"from_seq": 0}
	}
	ask["topics"], ask["prefixes"] = topics, prefixes
	var answer struct {
		WID string `json:"wid"`
		URL string `json:"stream_url"`
	}
	if err := call(ctx, w.http, http.MethodPost, w.base+"/v0/watch", ask, &answer); err != nil {
		return err
	}
	if answer.URL != "/v0/watch/"+answer.WID {
		return w.fail("stream_url %q of %q", answer.URL, answer.WID)
	}
	w.wid = answer.WID
	w.sessions.Add(1)
	return nil
}

// comes waits until the watcher has a session in the life-th life of the
// server. Otherwise, on a machine that stalls, a life could pass without being
// followed.
func (w *watcher) comes(server *process, life int64) {
	server.t.Helper()
	server.until("the watcher has a session", func() bool { return w.sessions.Load() >= life })
}

// follow connects repeatedly until ctx is done.
func (w *watcher) follow(ctx context.Context) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		err := w.stream(ctx)
		var refused *status
		if errors.As(err, &refused) {
			switch refused.code {
			case http.StatusNotFound: // another life of the server, which does not know the session
				w.wid = ""
			case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			default:
				_ = w.fail("the watch was refused: %w", err)
				return
			}
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// stream takes events until the connection ends.
func (w *watcher) stream(ctx context.Context) error {
	if w.wid == "" {
		if err := w.session(ctx); err != nil {
			return err
		}
	}
	s, err := openStream(ctx, w.http, w.base+"/v0/watch/"+w.wid, w.lastID)
	if err != nil {
		return err
	}
	defer s.close()
	w.open.Store(s)
	if w.lastID != "" {
		w.resumed.Add(1)
	}
	for {
		ev, err := s.next()
		if err != nil {
			return err
		}
		switch ev.name {
		case "record":
			if ev.id == "" {
				return w.fail("a record without an id: %s", ev.data)
			}
			if err := w.take([]byte(ev.data)); err != nil {
				return err
			}
			w.lastID = ev.id
		case "caught-up":
		case "error":
			var e struct {
				Code json.RawMessage `json:"code"`
			}
			if err := json.Unmarshal([]byte(ev.data), &e); err != nil || string(e.Code) != "503" {
				return w.fail("the stream says %s", ev.data)
			}
		default: // nothing is lost or deleted in these tests
			return w.fail("event %q: %s", ev.name, ev.data)
		}
	}
}

// cut ends the open stream, if there is one.
func (w *watcher) cut() {
	if s := w.open.Load(); s != nil {
		s.close()
	}
}

// following runs a follower until the test ends.
func following(t *testing.T, follow func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		follow(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// numbers returns the data of n records, as written by feed.
func numbers(topic string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"topic":%q,"n":%d}`, topic, i+1)
	}
	return all
}
