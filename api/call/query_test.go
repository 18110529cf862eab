package call

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestLongQueriesAreNotKept: a call keeps a short query string only.
func TestLongQueriesAreNotKept(t *testing.T) {
	for _, n := range []int{keepQuery, keepQuery + 1} {
		c := &Call{Request: httptest.NewRequest("GET", "/?"+strings.Repeat("a", n), nil)}
		if _, err := c.Query(); err != nil {
			t.Fatal(err)
		}
		if kept := c.parsed.kept().raw != ""; kept != (n <= keepQuery) {
			t.Errorf("%d bytes: kept is %t", n, kept)
		}
	}
}
