package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/openapi/conform"
	"github.com/e6e95bb8/topics/api/wire"
)

// sseEvent is an event as the standard says it is read; beat is a comment.
type sseEvent struct{ name, id, data, beat, retry string }

// sseClient reads a stream.
type sseClient struct {
	t      *testing.T
	resp   *http.Response
	r      *bufio.Reader
	cancel context.CancelFunc
	id     string
	began  string // the id that the stream began with
}

// newWatch makes a session and returns the URL of its stream.
func (s *realServer) newWatch(t *testing.T, body string, header ...string) string {
	t.Helper()
	w := do(s, "POST", "/v0/watch", body, header...)
	if w.Code != 200 {
		t.Fatalf("watching %s: %d %s", body, w.Code, w.Body)
	}
	return "http://" + s.addr + object(t, w)["stream_url"].(string)
}

// openStream opens a stream, whose answer must have a status.
func openStream(t *testing.T, c *http.Client, url string, status int, header ...string) *sseClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	answer := conform.Answer{Method: "GET", Path: req.URL.EscapedPath(), Status: resp.StatusCode, Header: resp.Header}
	if resp.Header.Get("Content-Type") == wire.MediaJSON {
		answer.Body, _ = io.ReadAll(resp.Body) // a cut is an answer that is not described
		resp.Body = io.NopCloser(bytes.NewReader(answer.Body))
	}
	if err := conform.Load().Check(&answer); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("opening %s: %d %s, want %d", url, resp.StatusCode, answer.Body, status)
	}
	return &sseClient{t: t, resp: resp, r: bufio.NewReader(resp.Body), cancel: cancel}
}

// next reads the next event, beat or retry.
func (c *sseClient) next() (ev sseEvent, err error) {
	var data []string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return sseEvent{}, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			ev.data, ev.id = strings.Join(data, "\n"), c.id
			if ev.name != "" {
				if err := conform.Load().CheckEvent(c.resp.Request.URL.EscapedPath(), ev.name, []byte(ev.data)); err != nil {
					c.t.Error(err)
				}
			}
			return ev, nil
		case field == "":
			ev.beat = value
		case field == "event":
			ev.name = value
		case field == "id":
			c.id = value
		case field == "data":
			data = append(data, value)
		case field == "retry":
			ev.retry = value
		default:
			return sseEvent{}, fmt.Errorf("line %q", line)
		}
	}
}

// anything reads the next event, beat or retry, of which there must be one.
func (c *sseClient) anything() sseEvent {
	c.t.Helper()
	ev, err := c.next()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return ev
}

// want reads the next event, which must be this one, and have this in its data.
func (c *sseClient) want(name, part string) sseEvent {
	c.t.Helper()
	ev, err := c.next()
	if err != nil {
		c.t.Fatalf("reading, while waiting for %s: %v", name, err)
	}
	if ev.name != name || !strings.Contains(ev.data, part) {
		c.t.Fatalf("got %+v, want %s with %s", ev, name, part)
	}
	return ev
}

// opening reads what every stream begins with.
func (c *sseClient) opening() *sseClient {
	c.t.Helper()
	if ev := c.want("", ""); ev.retry != "2000" {
		c.t.Fatalf("it begins with %+v", ev)
	} else if c.began == "" {
		c.began = ev.id
	}
	return c
}

// wantEnd reads the rest, which must be nothing.
func (c *sseClient) wantEnd() {
	c.t.Helper()
	if ev, err := c.next(); err != io.EOF {
		c.t.Fatalf("got %+v, %v where the stream should end", ev, err)
	}
}

func (c *sseClient) hangUp() { c.cancel(); _ = c.resp.Body.Close() }
