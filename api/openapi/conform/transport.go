package conform

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Transport is a transport of which everything that a client reads is checked:
// each answer as it comes, the events of a stream and the messages of a
// WebSocket as they are read. Other bodies that are not JSON are not looked at,
// and what a cut leaves incomplete is not checked.
type Transport struct {
	// Base makes the requests.
	Base http.RoundTripper
	// Foreign tells the answers of something that stands before the server,
	// which are not checked. Nil: nothing does.
	Foreign func(*Answer) bool
	// Report is told of what is not described, from any goroutine.
	Report func(error)
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	a := Answer{Method: r.Method, Path: r.URL.EscapedPath(), Status: resp.StatusCode, Header: resp.Header}
	if isJSON(resp.Header) {
		var cut error
		a.Body, cut = io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it has been read
		resp.Body = &replay{bytes.NewReader(a.Body), cut}
		if cut != nil {
			return resp, nil
		}
	}
	if t.Foreign != nil && t.Foreign(&a) {
		return resp, nil
	}
	if err := Load().Check(&a); err != nil {
		t.Report(err)
	}
	switch connection, both := resp.Body.(io.ReadWriteCloser); {
	case resp.StatusCode == http.StatusSwitchingProtocols && both:
		resp.Body = &socket{connection, &messages{report: t.Report}}
	case isStream(resp.Header):
		resp.Body = &stream{resp.Body, &events{report: t.Report}}
	}
	return resp, nil
}

// CloseIdleConnections lets http.Client reach what is below.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func isStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// replay is a body that has been read, and the error at its end.
type replay struct {
	*bytes.Reader
	cut error
}

// Read implements io.Reader.
func (r *replay) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF && r.cut != nil {
		err = r.cut
	}
	return n, err
}

// Close implements io.Closer.
func (r *replay) Close() error { return nil }

// stream is a body of events.
type stream struct {
	io.ReadCloser
	events *events
}

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	s.events.take(b[:n])
	return n, err
}

// socket is a connection that has become a WebSocket.
type socket struct {
	io.ReadWriteCloser
	messages *messages
}

// Read implements io.Reader.
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.ReadWriteCloser.Read(b)
	s.messages.take(b[:n])
	return n, err
}
