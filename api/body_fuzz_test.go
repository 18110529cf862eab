package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
)

// FuzzRequestBodies sends bodies to every route that takes one, plain and with
// each content coding. No body may give a 5xx or a panic, every answer is JSON
// of its kind, and what an accepted write stored comes back verbatim.
func FuzzRequestBodies(f *testing.F) {
	for _, body := range []string{
		`{"records":[{"data":{"a":[1,2]},"tag":"t","node":"n","meta":{"x":"y"}}],"node":"b","idempotency_key":"k"}`,
		`{"records":[{"data":"\ud800"}],"create":true,"config":{"type":"queue","dead_letter":"d"},"expected_head_seq":0}`,
		`{"from_seq":0,"limit":1,"node":["a"],"match":["tag","Glob","t*"],"include_tags":true}`, `{"match":"x*"}`,
		`{"before_seq":18446744073709551615,"match":["tag","Eq","t"]}`, `{"before_seq":null,"match":"t*"}`,
		`{"type":"queue","durability":"fsync","priority":null,"lease_ms":1}`, `{"records":[{}]}`, `{"records":1}`,
		"{\"records\":[{\"tag\":\"\xff\"}]}", strings.Repeat("[", 200), `{"a":1e999,"records":[{"data":1E400}]}`, `{} x`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, e := openServer(nil)
		e.hasty = true
		do(s, "PUT", "/v0/topics/t", "")
		for _, route := range []string{"PUT /v0/topics/t", "PATCH /v0/topics/t", "POST /v0/topics/t/diff", "POST /v0/topics/t/delete", "POST /v0/topics/t"} {
			method, path, _ := strings.Cut(route, " ")
			for _, coding := range []string{"gzip", "zstd", ""} {
				checkAnswer(t, route, do(s, method, path, string(body), "Content-Encoding", coding))
			}
		}
		if e.last == nil {
			return
		}
		for i := range e.last.Records {
			if len(e.last.Records[i].Data) == 0 || !json.Valid(e.last.Records[i].Data) {
				t.Fatalf("stored data %q of %q", e.last.Records[i].Data, body)
			}
		}
		w := do(s, "POST", "/v0/topics/t/diff", `{"include_tags":true}`)
		checkAnswer(t, "diff", w)
		rest := w.Body.String()
		for i := range e.last.Records {
			at := strings.Index(rest, string(e.last.Records[i].Data))
			if at < 0 {
				t.Fatalf("%q is not in the answer of %q", e.last.Records[i].Data, body)
			}
			rest = rest[at:]
		}
	})
}

func checkAnswer(t *testing.T, route string, w *httptest.ResponseRecorder) {
	t.Helper()
	var answer struct {
		Error       *wire.EnvelopeError
		Performance map[string]float64
	}
	err := json.Unmarshal(w.Body.Bytes(), &answer)
	if err != nil || w.Code >= 500 || (w.Code >= 300) != (answer.Error != nil) || len(answer.Performance) == 0 {
		t.Fatalf("%s: %d %s, %v", route, w.Code, w.Body, err)
	}
}
