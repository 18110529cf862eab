package conform

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Transport checks everything that a client reads: each answer when it arrives,
// and the events of a stream and the messages of a WebSocket when they are
// read. It does not check other bodies that are not JSON, or incomplete ones.
type Transport struct {
	// Base makes the requests.
	Base http.RoundTripper
	// Foreign, if not nil, reports whether an answer comes from something in front
	// of the server. Such answers are not checked.
	Foreign func(*Answer) bool
	// Report is called with each violation, from any goroutine.
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
		_ = resp.Body.Close() // it was read to its end
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
		resp.Body = &stream{resp.Body, &events{report: t.Report, path: a.Path}}
	}
	return resp, nil
}

// CloseIdleConnections gives http.Client access to the underlying transport.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func isStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// replay is a body that was read already, and the error at its end.
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

// stream is a body with events.
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

// socket is a connection that was upgraded to a WebSocket.
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
