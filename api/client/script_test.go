package client

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answer is one scripted answer of a fake server.
type answer struct {
	status int
	header string // Retry-After
	body   string
	drop   bool // break the connection instead of answering
}

// script is an http.RoundTripper that gives its answers in order, repeats the
// last one forever, and records the requests.
type script struct {
	answers  []answer
	requests []*http.Request
	bodies   []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(b))
	a := s.answers[min(len(s.requests), len(s.answers))-1]
	if a.drop {
		return nil, io.ErrUnexpectedEOF
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}
	if a.header != "" {
		resp.Header.Set("Retry-After", a.header)
	}
	return resp, nil
}

func scripted(t *testing.T, retryFor time.Duration, answers ...answer) (*Client, *script) {
	t.Helper()
	s := &script{answers: answers}
	c, err := New("http://server:4000/", Options{RetryFor: retryFor, HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func envelope(code string) string {
	return `{"error":{"code":"` + code + `","message":"why","detail":{"head_seq":18446744073709551615}}}`
}
