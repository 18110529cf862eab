package client

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Watch waits as long as a draining server asks for.
func TestWatchHonoursTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		c, err := New("http://server:4000", Options{RetryFor: time.Minute, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) string {
			if r.Method == http.MethodPost {
				return `{"wid":"w","topics":{"a":{"from_seq":0}}}`
			}
			asked = append(asked, time.Now())
			return "id: x\nevent: caught-up\ndata: {\"topic\":\"a\"}\n\nevent: error\ndata: {\"code\":503,\"error\":\"shutting_down\",\"retry_after_ms\":7000}\n\n"
		})}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {}}}) {
			if n++; err != nil || n == 2 {
				break
			}
		}
		if len(asked) != 2 || asked[1].Sub(asked[0]) != 7*time.Second {
			t.Errorf("streams were opened at %v", asked)
		}
	})
}

type roundTrip func(*http.Request) string

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(f(r)))}, nil
}

// Without progress the pauses grow and retries end. A session whose stream was
// never opened is used again rather than left behind at the server.
func TestWatchGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		posts, gets := 0, 0
		c, err := New("http://server:4000", Options{RetryFor: 10 * time.Second, HTTP: &http.Client{Transport: answers(func(r *http.Request) (int, string) {
			if r.Method == http.MethodPost {
				posts++
				return 200, `{"wid":"w","topics":{"a":{"from_seq":0}}}`
			}
			gets++
			return 429, envelope(CodeThrottled)
		})}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var last error
		for _, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {}}}) {
			last = err
		}
		if d := time.Since(began); d < 10*time.Second || d > 11*time.Second || posts != 1 || gets > 20 {
			t.Errorf("gave up after %s, %d sessions and %d streams", d, posts, gets)
		}
		if !IsCode(last, CodeThrottled) || !strings.Contains(last.Error(), "gave up after 10s") {
			t.Errorf("error %v", last)
		}
	})
}

type answers func(*http.Request) (int, string)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// A stream without even a heartbeat is closed.
func TestWatchNoticesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newWatched()
		f.write("a", 1)
		c, err := New("http://server:4000", Options{Timeout: time.Millisecond, HTTP: &http.Client{Transport: inMemory{f}}})
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for e, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {}}, Heartbeat: time.Millisecond}) {
			if last = err; err != nil && e != nil {
				t.Errorf("an event beside an error: %v", e)
			}
		}
		if last == nil || !strings.Contains(last.Error(), "silent for 1.001s") {
			t.Errorf("error %v", last)
		}
		f.forget()
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	f := newWatched()
	f.write("a", 1)
	c := watch(t, f, Options{RetryFor: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := 0
	for _, err := range c.Watch(ctx, Watch{Topics: map[string]Start{"a": {}}}) {
		if err != nil {
			t.Errorf("the end of the context is no error: %v", err)
		}
		if events++; events == 2 { // after the records and the end, the server is silent
			time.AfterFunc(time.Millisecond, cancel)
		}
	}
	if events != 2 {
		t.Errorf("%d events", events)
	}
	for _, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"none": {}}}) {
		if !IsCode(err, CodeTopicNotFound) {
			t.Errorf("a topic that is not there: %v", err)
		}
	}
}

// Watch reports a topic that was deleted while the server had no session.
func TestWatchTellsOfTopicsThatWent(t *testing.T) {
	f := newWatched()
	f.write("a", 3)
	f.write("b", 1)
	c := watch(t, f, Options{RetryFor: time.Minute})
	var got []string
	for e, err := range c.Watch(t.Context(), Watch{Topics: map[string]Start{"a": {}, "b": {From: 1}}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, short(e))
		switch len(got) {
		case 2:
			f.mu.Lock()
			delete(f.heads, "a")
			f.mu.Unlock()
			f.forget()
		case 3:
			f.write("b", 1)
		}
		if len(got) == 4 {
			break
		}
	}
	if s := strings.Join(got, ", "); s != "a1 a2 a3, a end 3, a gone 3, b2" {
		t.Errorf("got %s", s)
	}
}

// After a topic of a prefix was reported as deleted, it is neither requested
// again nor reported twice.
func TestWatchForgetsDeletedTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []string
		c, err := New("http://server:4000", Options{RetryFor: time.Minute, HTTP: &http.Client{Transport: answers(func(r *http.Request) (int, string) {
			switch {
			case r.Method == http.MethodPost && len(made) < 2:
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				made = append(made, string(body))
				if len(made) == 1 {
					return 200, `{"wid":"w","topics":{"p-a":{"from_seq":4},"p-b":{"from_seq":1}}}`
				}
				return 200, `{"wid":"x","topics":{"p-b":{"from_seq":1}}}`
			case r.Method == http.MethodPost:
				return 403, envelope(CodeForbidden)
			case len(made) == 1:
				return 200, "event: topic-deleted\ndata: {\"topic\":\"p-a\",\"head_seq\":4,\"reason\":\"deleted\"}\n\n"
			}
			return 200, ""
		})}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e, err := range c.Watch(t.Context(), Watch{Prefixes: map[string]Start{"p-": {Tail: true}}}) {
			if err == nil {
				got = append(got, short(e))
			} else if !IsCode(err, CodeForbidden) {
				t.Error(err)
			}
		}
		if s := strings.Join(got, ", "); s != "p-a gone 4" {
			t.Errorf("got %s", s)
		}
		if want := `{"topics":{"p-b":{"from_seq":1}},"prefixes":{"p-":{"from_seq":0}},`; len(made) != 2 || !strings.HasPrefix(made[1], want) {
			t.Errorf("asked for %v", made)
		}
	})
}
