package conform

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const spent = `"performance":{"server_total_ms":0.1}`

// answered returns an answer with a JSON body, unless header sets another media
// type. header has names and values of further headers.
func answered(method, path string, status int, body string, header ...string) *Answer {
	a := &Answer{method, path, status, http.Header{"Content-Type": {"application/json"}}, []byte(body)}
	for i := 0; i < len(header); i += 2 {
		a.Header.Set(header[i], header[i+1])
	}
	return a
}

func TestCheck(t *testing.T) {
	const deleted = `{"topic":"t","deleted":true,"routers_removed":["a>b"],` + spent + `}`
	problem := func(code string) string { return `{"error":{"code":"` + code + `","message":"m"},` + spent + `}` }
	for _, tc := range []struct {
		answer *Answer
		wrong  string // part of the error; empty if there is none
	}{
		{answered("DELETE", "/v0/topics/t", 200, deleted), ""},
		{answered("DELETE", "/v0/topics/a%2Fb", 400, problem("invalid_request")), ""},
		{answered("DELETE", "/v0/t%6fpics/t", 200, deleted), ""},
		{answered("DELETE", "/v0/topics/t", 200, strings.Replace(deleted, "true", "1", 1)), "/deleted"},
		{answered("DELETE", "/v0/topics/t", 200, strings.Replace(deleted, `"topic"`, `"name"`, 1)), "topic"},
		{answered("DELETE", "/v0/topics/t", 200, strings.Replace(deleted, "{", `{"more":1,`, 1)), "more"},
		{answered("DELETE", "/v0/topics/t", 200, strings.Replace(deleted, spent, `"performance":{}`, 1)), "server_total_ms"},
		{answered("DELETE", "/v0/topics/t", 200, deleted+"x"), "not JSON"},
		{answered("DELETE", "/v0/topics/t", 202, deleted), "no response with this status"},
		{answered("DELETE", "/v0/topics/t", 409, problem("topic_not_empty")), ""},
		{answered("DELETE", "/v0/topics/t", 409, problem("seq_mismatch")), "topic_not_empty"},
		{answered("DELETE", "/v0/topics/t", 503, problem("not_ready"), "Retry-After", "1"), ""},
		{answered("DELETE", "/v0/topics/t", 503, problem("not_ready")), "no header Retry-After"},
		{answered("DELETE", "/v0/topics/t", 401, problem("unauthorized")), "no header WWW-Authenticate"},
		{answered("DELETE", "/v0/topics/t", 200, deleted, "Content-Type", "text/plain"), "no Content-Type text/plain"},
		{answered("DELETE", "/v0/topics/t", 200, "packed", "Content-Encoding", "gzip"), "EOF"},
		{answered("GET", "/v0/routers/r", 200, `{`+spent+`}`), "forwarded_total"},
		{answered("HEAD", "/v0/topics", 200, ""), ""},
		{answered("GET", "/v0/topics", 404, `{"error":{"code":"not_found","message":"no such route"},`+spent+`}`), ""},
		{answered("GET", "/v0/topics", 404, problem("not_found")), "no response with this status"},
		{answered("GET", "/nowhere", 404, problem("not_found")), ""},
		{answered("GET", "/nowhere", 200, problem("not_found")), "no such route"},
		{answered("GET", "/nowhere", 404, `{}`), "error"},
		{answered("PUT", "/v0/topics", 405, problem("method_not_allowed"), "Allow", "GET"), ""},
		{answered("PUT", "/v0/topics", 405, problem("method_not_allowed")), "no header Allow"},
		{answered("OPTIONS", "/v0/topics", 204, "", "Allow", "GET"), ""},
		{answered("GET", "/v0/watch/w", 200, "retry: 2000\n\n", "Content-Type", "text/event-stream; charset=utf-8"), ""},
		{answered("GET", "/health/quick", 503, "", "Content-Type", "text/plain", "Retry-After", "1"), ""},
		{answered("GET", "/v0/openapi.json", 304, ""), ""},
		{answered("GET", "/v0/openapi.json", 304, "{}"), "no body"},
	} {
		err := Load().Check(tc.answer)
		if (err == nil) != (tc.wrong == "") || err != nil && !strings.Contains(err.Error(), tc.wrong) {
			t.Errorf("%s %s %d %s: %v, want %q", tc.answer.Method, tc.answer.Path, tc.answer.Status, tc.answer.Body, err, tc.wrong)
		}
	}
}

// Both sides of a connection detect what is not described, and pass it on
// unchanged.
func TestBothSides(t *testing.T) {
	const body = `{"status":"fine",` + spent + `}`
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
	var server, client []error
	srv := httptest.NewServer(Handler(h, func(err error) { server = append(server, err) }))
	c := http.Client{Transport: &Transport{Base: http.DefaultTransport, Report: func(err error) { client = append(client, err) }}}
	resp, err := c.Get(srv.URL + "/v0/health")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != body {
		t.Errorf("%s, %v", got, err)
	}
	srv.Close() // waits for the handler
	for side, errs := range map[string][]error{"server": server, "client": client} {
		if err := errors.Join(errs...); len(errs) != 1 || !strings.Contains(err.Error(), "/status") {
			t.Errorf("%s: %v", side, err)
		}
	}
}
