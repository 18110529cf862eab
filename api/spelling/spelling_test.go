package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"tag", "data", "date", "node", "meta", "idempotency_key", "from_seq"}
	for word, want := range map[string]string{
		"dta": "data", "form_seq": "from_seq", "idempotencykey": "idempotency_key", "IDEMPOTENCY_KEY": "",
		"nod": "node", "tagg": "tag", "dat": "data", "": "", "x": "", "data": "data", "something_else": "",
		strings.Repeat("a", 1000): "",
	} {
		if got, ok := Nearest(word, known); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t; want %q", word, got, ok, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"ttl_sm", "ttl_ms", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
