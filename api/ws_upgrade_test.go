package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// What is no upgrade is answered in the envelope.
func TestSocketUpgrade(t *testing.T) {
	keys, err := auth.Parse("secret:w,reader:r")
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.CORSOrigins = []string{"https://app.example"}; o.Keys = keys }, nil)
	upgrade := []string{
		"Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Authorization: Bearer secret",
	}
	without := func(name string) (out []string) {
		for _, h := range upgrade {
			if !strings.HasPrefix(h, name) {
				out = append(out, h)
			}
		}
		return out
	}
	with := func(more ...string) []string { return append(upgrade[:len(upgrade):len(upgrade)], more...) }
	for name, tc := range map[string]struct {
		method, target, proto string
		header                []string
		status                int
		code                  string
	}{
		"good":           {"GET", "", "1.1", upgrade, 101, ""},
		"no upgrade":     {"GET", "", "1.1", without("Upgrade"), 400, "invalid_request"},
		"no connection":  {"GET", "", "1.1", without("Connection"), 400, "invalid_request"},
		"no key":         {"GET", "", "1.1", without("Sec-WebSocket-Key"), 400, "invalid_request"},
		"two keys":       {"GET", "", "1.1", with("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), 400, "invalid_request"},
		"a short key":    {"GET", "", "1.1", append(without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: AAAA"), 400, "invalid_request"},
		"version 8":      {"GET", "", "1.1", append(without("Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"), 400, "invalid_request"},
		"HTTP/1.0":       {"GET", "", "1.0", upgrade, 400, "invalid_request"},
		"HEAD":           {"HEAD", "", "1.1", upgrade, 400, ""},
		"POST":           {"POST", "", "1.1", upgrade, 405, "method_not_allowed"},
		"nobody":         {"GET", "", "1.1", without("Authorization"), 401, "unauthorized"},
		"in the query":   {"GET", "?token=reader", "1.1", without("Authorization"), 101, ""},
		"unknown":        {"GET", "?token=wrong", "1.1", without("Authorization"), 401, "unauthorized"},
		"same origin":    {"GET", "", "1.1", with("Origin: http://Topics.example"), 101, ""},
		"allowed origin": {"GET", "", "1.1", with("Origin: https://app.example"), 101, ""},
		"other origin":   {"GET", "", "1.1", with("Origin: https://evil.example"), 403, "forbidden"},
		"other scheme":   {"GET", "", "1.1", with("Origin: http://app.example"), 403, "forbidden"},
		"opaque origin":  {"GET", "", "1.1", with("Origin: null"), 403, "forbidden"},
	} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "%s /v0/ws%s HTTP/%s\r\nHost: topics.example\r\n%s\r\n\r\n", tc.method, tc.target, tc.proto, strings.Join(tc.header, "\r\n"))
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: tc.method})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if resp.StatusCode != tc.status {
			t.Errorf("%s: %s, want %d", name, resp.Status, tc.status)
		}
		if tc.code != "" {
			body, _ := io.ReadAll(resp.Body)
			var e wire.Envelope
			if err := json.Unmarshal(body, &e); err != nil || e.Error.Code != tc.code {
				t.Errorf("%s: %s", name, body)
			}
		}
		_ = conn.Close()
	}

	h2c := clients(t)["h2c"]
	req, _ := http.NewRequest("GET", "http://"+s.addr+"/v0/ws", nil)
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := h2c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 400 || !strings.Contains(string(body), "HTTP/1.1") {
		t.Errorf("h2c: %d %s", resp.StatusCode, body)
	}
}
