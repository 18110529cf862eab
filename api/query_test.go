package api

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
)

// TestQueriesOfOneCallAfterAnother: what a query string means is kept for the next
// call, and goes by that call's own.
func TestQueriesOfOneCallAfterAnother(t *testing.T) {
	s, _ := openServer(nil)
	s.Open(nullEngine{})
	long := "&x" + strings.Repeat("x", 256) + "=1"
	for range 3 {
		for _, row := range []struct {
			query   string
			status  int
			want    string
			without string
		}{
			{"", 200, `"seqs":[1]`, "warnings"},
			{"?return_seqs=false", 200, `"count":1`, "seqs"},
			{"?return_seqs=false", 200, `"count":1`, "seqs"},
			{"?return_seqs=true", 200, `"seqs":[1]`, "warnings"},
			{"?return_seqs=false&x=1", 200, `unknown`, `"seqs"`},
			{"?return_seqs=false&x=1", 200, `unknown`, `"seqs"`},
			{"?return_seqs=false&x=1&strict=1", 400, `"code":"invalid_request"`, "seqs"},
			{"?return_seqs=false" + long, 200, `unknown`, `"seqs"`},
			{"?return_seqs=maybe", 400, `"return_seqs`, "seqs\":["},
			{"?return_seqs=%", 400, `malformed`, "seqs\":["},
			{"?return_seqs=%", 400, `malformed`, "seqs\":["},
		} {
			r := httptest.NewRequest("POST", "/v0/topics/orders"+row.query, bytes.NewReader(writeBody(1)))
			r.Header.Set("Content-Type", wire.MediaJSON)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			body := w.Body.String()
			if w.Code != row.status || !strings.Contains(body, row.want) || strings.Contains(body, row.without) {
				t.Errorf("%.40s: %d %s", row.query, w.Code, body)
			}
		}
	}
}
