package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/rs/zerolog"
)

// The spellings of the header, and the places where ?token= counts.
func TestWhereAKeyMayStand(t *testing.T) {
	s, _ := keyedServer(t, "good:rw", nil)
	for _, tt := range []struct {
		headers []string
		query   string
		want    int // of a data route
		stream  int // of a stream's
	}{
		{[]string{"Bearer good"}, "", 404, 404},
		{[]string{"bearer good"}, "", 404, 404},
		{[]string{"BEARER   good "}, "", 404, 404},
		{[]string{"Bearer GOOD"}, "", 401, 401},
		{[]string{"Bearer goo"}, "", 401, 401},
		{[]string{"Bearer good extra"}, "", 401, 401},
		{[]string{"Bearer"}, "", 401, 401},
		{[]string{"Bearer "}, "", 401, 401},
		{[]string{"good"}, "", 401, 401},
		{[]string{"Basic good"}, "", 401, 401},
		{[]string{"Bearer good", "Bearer good"}, "", 401, 401},
		{nil, "token=good", 401, 404},
		{nil, "x=1&tok%65n=g%6fod&y=2", 401, 404},
		{nil, "token=bad&token=good", 401, 401},
		{nil, "token=", 401, 401},
		{nil, "token", 401, 401},
		{nil, "token=%zz", 401, 401},
		{nil, "Token=good", 401, 401},
		{[]string{"Bearer bad"}, "token=good", 401, 401},
		{[]string{"Bearer good"}, "token=bad", 404, 404},
	} {
		for path, want := range map[string]int{"/v0/topics/none": tt.want, "/v0/watch/none": tt.stream} {
			r := httptest.NewRequest("GET", path+"?"+tt.query, nil)
			r.Header["Authorization"] = tt.headers
			r.Header.Set("Accept", "*/*")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s?%s with %q: %d, want %d: %s", path, tt.query, tt.headers, w.Code, want, w.Body)
			}
			if shown := r.URL.String() + r.RequestURI + fmt.Sprint(r.Header); strings.Contains(shown, "good") && !strings.Contains(shown, "Token=") {
				t.Errorf("%s with %q: the key is still in the request: %s", path, tt.headers, shown)
			}
		}
	}
}

func FuzzCutToken(f *testing.F) {
	for _, q := range []string{"", "token=a", "a=1&token=b&c", "tok%65n=a", "token", "&&token=%zz&", "a=token=b", "token=a&token=b"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		before, _ := url.ParseQuery(query) // what it can make of it
		rest, token, found := cutToken(query)
		after, _ := url.ParseQuery(rest)
		if after.Has("token") {
			t.Fatalf("%q: a token is left in %q", query, rest)
		}
		if !found && rest != query {
			t.Fatalf("%q: became %q", query, rest)
		}
		// url.ParseQuery leaves out parts with a semicolon or bad escapes.
		if !strings.ContainsAny(query, ";%") {
			if token != before.Get("token") {
				t.Fatalf("%q: token %q, want %q", query, token, before.Get("token"))
			}
			before.Del("token")
			if before.Encode() != after.Encode() {
				t.Fatalf("%q: left %v of %v", query, after, before)
			}
		}
	})
}

// lockedBuffer is a log that many write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Keys are used in every way on both protocols; neither the log at its most
// talkative nor any answer nor the metrics have one of them.
func TestKeysAreNeverShown(t *testing.T) {
	const good, bad = "hush-hush-good", "hush-hush-bad"
	log := &lockedBuffer{}
	s, e := keyedServer(t, good, func(o *Options) {
		o.Log = zerolog.New(log).Level(zerolog.TraceLevel)
		o.Storage = workingStorage()
	})
	e.panics = true
	addr, shutdown := serve(t, s)
	var answers strings.Builder
	for _, client := range clients(t) {
		for _, key := range []string{good, bad} {
			for _, rt := range s.routes() {
				for _, query := range []string{"", "?token=" + key} {
					ctx, cancel := context.WithCancel(t.Context())
					req, err := http.NewRequestWithContext(ctx, rt.Method, "http://"+addr+target(rt.Pattern, "t")+query, strings.NewReader(`{"records":[{}],"topics":{"t":{}}}`))
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Content-Type", wire.MediaJSON)
					req.Header.Set("X-Confirm", "true")
					if query == "" {
						req.Header.Set("Authorization", "Bearer "+key)
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Fatalf("%s %s: %v", rt.Method, rt.Pattern, err)
					}
					fmt.Fprint(&answers, resp.Header)
					if _, err := io.Copy(&answers, resp.Body); err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					cancel()
				}
			}
		}
		client.CloseIdleConnections()
	}
	shutdown()
	for what, text := range map[string]string{"log": log.String(), "answers": answers.String()} {
		if i := strings.Index(text, "hush"); i >= 0 {
			t.Errorf("the %s have a key: %s", what, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	id := s.opts.Keys.All()[0].ID
	if !strings.Contains(log.String(), `"key":"`+id+`"`) || !strings.Contains(log.String(), "handler panicked") {
		t.Errorf("no audit line with the id %s, or no panic, in\n%s", id, log.String())
	}
}

// On the wire: both protocols take and refuse keys alike.
func TestKeysOnTheWire(t *testing.T) {
	s, _ := keyedServer(t, rights, nil)
	addr, _ := serve(t, s)
	for proto, client := range clients(t) {
		for _, tt := range []struct {
			key, route string
			status     int
		}{
			{"", "GET /v0/topics", 401}, {"wrong", "GET /v0/topics", 401}, {"write", "GET /v0/topics", 403}, {"read", "GET /v0/topics", 200},
			{"inside", "GET /v0/topics/other", 403}, {"inside", "PUT /v0/topics/inside", 0}, {"", "GET /healthz", 200},
			{"", "GET /metrics", 401}, {"read", "GET /metrics", 200}, {"", "GET /nowhere", 401}, {"read", "GET /nowhere", 404},
		} {
			var header []string
			if tt.key != "" {
				header = []string{"Authorization", "Bearer " + tt.key}
			}
			resp, body, err := ask(t.Context(), client, addr, tt.route, header...)
			if err != nil {
				t.Fatal(err)
			}
			if tt.status == 0 && resp.StatusCode >= 300 || tt.status != 0 && resp.StatusCode != tt.status {
				t.Errorf("%s: %s with %q: %s %s", proto, tt.route, tt.key, resp.Status, body)
			}
		}
		client.CloseIdleConnections()
	}
}
