package conform

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// client returns a client whose answers are checked, and the violations.
func client(foreign func(*Answer) bool) (*http.Client, *[]error) {
	found := &[]error{}
	report := func(err error) { *found = append(*found, err) }
	return &http.Client{Transport: &Transport{Base: http.DefaultTransport, Foreign: foreign, Report: report}}, found
}

// one fails the test unless there is exactly one violation, which contains
// part.
func one(t *testing.T, found []error, part string) {
	t.Helper()
	if err := errors.Join(found...); len(found) != 1 || !strings.Contains(err.Error(), part) {
		t.Errorf("%d are found: %v; want one with %s", len(found), err, part)
	}
}

const (
	caughtUp = `{"topic":"t","head_seq":7}`
	events3  = "retry: 2000\nid: a\n\nevent: caught-up\nid: b\ndata: " + caughtUp + "\n\n: hb 1\n\n"
)

// A violation in the middle of a stream is detected, however it is read.
func TestStreamIsChecked(t *testing.T) {
	for part, wrong := range map[string]string{
		`no event ""`:        "data: " + caughtUp + "\n\n",
		`no event "later"`:   "event: later\ndata: {}\n\n",
		`/head_seq`:          "event: caught-up\r\ndata: {\"topic\":\"t\",\r\ndata: \"head_seq\":\"7\"}\r\n\r\n",
		`event {`:            "event: caught-up\ndata: {\n\n",
		`has the line "even`: "even: caught-up\n\n",
	} {
		body := events3 + wrong + events3 + "event: cut\ndata: {}\n"
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = io.WriteString(w, body)
		}))
		c, found := client(nil)
		resp, err := c.Get(srv.URL + "/v0/watch/w")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := io.CopyBuffer(&got, struct{ io.Reader }{resp.Body}, make([]byte, 5)); err != nil || got.String() != body {
			t.Errorf("%v, read %q", err, got.String())
		}
		resp.Body.Close()
		srv.Close()
		one(t, *found, part)
	}
}

// A message over a WebSocket that is not described is detected too.
func TestSocketIsChecked(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		long := `{"op":"pong","request_id":"` + strings.Repeat("x", 100_000) + `"}`
		for _, message := range []string{`{"op":"pong"}`, long, `{"op":"pang"}`, `{"op":"caught_up","topic":"t","head_seq":7}`} {
			if err := conn.Write(r.Context(), websocket.MessageText, []byte(message)); err != nil {
				t.Error(err)
			}
		}
		_ = conn.Close(websocket.StatusNormalClosure, "") // the client may have disconnected
	}))
	defer srv.Close()
	c, found := client(nil)
	conn, _, err := websocket.Dial(t.Context(), srv.URL+"/v0/ws", &websocket.DialOptions{HTTPClient: c})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	for n := 0; ; n++ {
		if _, _, err := conn.Read(t.Context()); err != nil {
			if n != 4 || websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Errorf("%d messages, %v", n, err)
			}
			break
		}
	}
	one(t, *found, `no message "pang"`)
}

// Answers of something in front of the server are not checked.
func TestForeignAnswer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer srv.Close()
	c, found := client(func(a *Answer) bool { return a.Path == "/v0/topics" })
	for _, path := range []string{"/v0/topics", "/v0/health"} {
		resp, err := c.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	one(t, *found, "GET /v0/health answers 502")
}

// FuzzPieces holds that no input panics the parsers of streams and sockets, and
// that the result does not depend on where the input is cut.
func FuzzPieces(f *testing.F) {
	f.Add([]byte(events3+"event: later\ndata: {}\n\n"), 40)
	message := []byte(`{"op":"pang"}`)
	f.Add(append([]byte{0x81, byte(len(message))}, message...), 1)
	f.Add(append(binary.BigEndian.AppendUint16([]byte{0x89, 0, 0x01, 2, '{', '"', 0x80, 126}, uint16(len(message))), message...), 9)
	f.Add([]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 3)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		at = min(max(at, 0), len(b))
		find := func(pieces ...[]byte) (found []error) {
			report := func(err error) { found = append(found, err) }
			e, m := events{report: report}, messages{report: report}
			for _, p := range pieces {
				e.take(p)
				m.take(p)
			}
			return found
		}
		if whole, cut := find(b), find(b[:at], b[at:]); len(whole) != len(cut) {
			t.Errorf("found %v, and cut at %d %v", whole, at, cut)
		}
	})
}
