package api

import (
	"net/http"
	"strings"
	"testing"
)

// Requests that hold too much together are refused before they hold it, and
// what they took comes back however they ended.
func TestMemoryBudget(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxInflightBytes = 2 << 20 })
	big := `{"records":[{"data":"` + strings.Repeat("x", 900<<10) + `"}]}`
	post := func() int {
		return do(s, http.MethodPost, "/v0/topics/t", big).Code
	}
	if code := post(); code != http.StatusCreated {
		t.Fatalf("a body within the budget: %d", code)
	}
	if used := s.bounds.Usage().Memory; used != 0 {
		t.Fatalf("%d bytes are still held", used)
	}
	other := callOf(s, s.open)
	if err := other.Take(1 << 20); err != nil {
		t.Fatal(err)
	}
	if code := post(); code != http.StatusTooManyRequests {
		t.Fatalf("a body beyond the budget: %d", code)
	}
	other.Give()
	if used := s.bounds.Usage().Memory; used != 0 {
		t.Fatalf("%d bytes are still held", used)
	}
}
