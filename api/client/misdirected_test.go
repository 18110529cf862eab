package client

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A redirect that turns a write into a GET is an error: nothing was written.
func TestRedirectsThatChangeTheMethodAreErrors(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var methods []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			methods = append(methods, r.Method)
			if !strings.HasPrefix(r.URL.Path, "/moved") {
				http.Redirect(w, r, "/moved"+r.URL.Path, status)
				return
			}
			_, _ = w.Write([]byte(`{"first_seq":1,"last_seq":1,"head_seq":1,"count":1}`))
		}))
		c, err := New(srv.URL, Options{RetryFor: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Append(t.Context(), "t", &Write{Entries: []Entry{{}}, IdempotencyKey: "k"})
		var refused *Error
		switch {
		case status >= 307:
			if err != nil || strings.Join(methods, " ") != "POST POST" {
				t.Errorf("%d: %v after %v", status, err, methods)
			}
		case !errors.As(err, &refused) || refused.Status != status || !strings.Contains(err.Error(), "/moved/v0/topics/t") || len(methods) != 1:
			t.Errorf("%d: %v after %v", status, err, methods)
		}
		if _, err := c.State(t.Context(), "t"); err != nil {
			t.Errorf("%d: a read was not redirected: %v", status, err)
		}
		c.Close()
		srv.Close()
	}
}

// A 200 with some other JSON does not come from the server.
func TestAnswersOfSomethingElseAreErrors(t *testing.T) {
	for _, body := range []string{`{}`, `{"status":"ok"}`, `{"records":[]}`} {
		c, _ := scripted(t, 0, answer{status: 200, body: body})
		if w, err := c.Append(t.Context(), "t", &Write{Entries: []Entry{{}}}); err == nil {
			t.Errorf("%s is a write: %+v", body, w)
		}
		if b, err := c.Diff(t.Context(), "t", Query{}); err == nil {
			t.Errorf("%s is a read: %+v", body, b)
		}
	}
}

func TestAddressesAndKeys(t *testing.T) {
	for _, base := range []string{
		"", "127.0.0.1:4000", "localhost:4000", "ftp://a", "http://", "http://a/?x=1", "http://a/#x", "http://a b/",
	} {
		if _, err := New(base, Options{}); err == nil || !strings.Contains(err.Error(), "must be http://host:port") {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, base := range []string{"http://[::1]:4000", "https://a", "http://a/under/"} {
		if _, err := New(base, Options{Key: "~k!"}); err != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, key := range []string{"k\n", "k k", "k\x7f", "ké"} {
		if _, err := New("http://a", Options{Key: key}); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Failures that waiting cannot resolve are returned at once.
func TestHopelessFailuresAreNotRetried(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secret := httptest.NewUnstartedServer(http.NotFoundHandler())
	secret.Config.ErrorLog = log.New(io.Discard, "", 0) // discards the failed handshakes
	secret.StartTLS()
	defer secret.Close()
	for _, base := range []string{strings.Replace(plain.URL, "http:", "https:", 1), secret.URL} {
		c, err := New(base, Options{RetryFor: time.Hour, Retrying: func(err error) { t.Error("retried:", err) }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if _, err := c.State(ctx, "t"); err == nil || ctx.Err() != nil {
			t.Error(err)
		}
		for _, err := range c.Watch(ctx, Watch{Topics: map[string]Start{"t": {}}}) {
			if err == nil || ctx.Err() != nil {
				t.Error(err)
			}
		}
		cancel()
		c.Close()
	}
}

// A call that is canceled during a pause returns ctx's error and the failure
// before the pause.
func TestEndedInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := scripted(t, time.Hour, answer{status: 503, header: "60", body: envelope("not_ready")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.State(ctx, "t"); !errors.Is(err, context.DeadlineExceeded) || !IsCode(err, CodeNotReady) {
			t.Error(err)
		}
	})
}

// A program may have replaced http.DefaultTransport by another type.
func TestDefaultTransportOfAnotherKind(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = roundTrip(func(*http.Request) string { return "" })
	if _, err := New("http://a", Options{}); err != nil {
		t.Error(err)
	}
}
