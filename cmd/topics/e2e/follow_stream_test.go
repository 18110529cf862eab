package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// event is one event of an SSE stream, parsed according to the standard by code
// that is not shared with the server or its client.
type event struct{ name, id, data string }

// stream is an open SSE stream.
type stream struct {
	body io.Closer
	r    *bufio.Reader
	id   string // of the last event, kept as browsers do
}

// status is an unexpected answer.
type status struct {
	code int
	body string
}

func (s *status) Error() string { return fmt.Sprintf("status %d: %s", s.code, s.body) }

// openStream opens the stream of a session, with lastID if it is not empty.
func openStream(ctx context.Context, c *http.Client, url, lastID string) (*stream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body) // the status is the error
		return nil, &status{resp.StatusCode, string(body)}
	}
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream; charset=utf-8" {
		resp.Body.Close()
		return nil, fmt.Errorf("content type %q", ct)
	}
	return &stream{body: resp.Body, r: bufio.NewReader(resp.Body), id: lastID}, nil
}

// next waits for the next event. It skips comments and other fields, and drops
// an event that is cut off by the end of the connection.
func (s *stream) next() (event, error) {
	var ev event
	var data []string
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && len(data) > 0:
			ev.data, ev.id = strings.Join(data, "\n"), s.id
			return ev, nil
		case line == "":
			ev.name = ""
		case field == "event":
			ev.name = value
		case field == "data":
			data = append(data, value)
		case field == "id":
			s.id = value
		}
	}
}

func (s *stream) close() { _ = s.body.Close() }

// call sends JSON and decodes the answer, which must be a success.
func call(ctx context.Context, c *http.Client, method, url string, body, out any) error {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &status{resp.StatusCode, string(got)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(got, out)
}
