package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unsafe"

	"github.com/e6e95bb8/topics/api/catalog"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// longNames creates topics with names of the largest length.
func longNames(t *testing.T, s *Server, n int) {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("%s%06d", strings.Repeat("n", record.MaxName-6), i)
		if w := do(s, "PUT", "/v0/topics/"+name, `{}`); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
	}
}

// A row with the longest names takes no more memory than is reserved for it: its
// state, its view, and its JSON in the encoder's buffer, in that of writeJSON and in
// the answer's, each of which may have grown to twice its length.
func TestRowsTakeWhatIsReserved(t *testing.T) {
	s := serveReal(t, nil, nil)
	long := strings.Repeat("n", record.MaxName-1)
	spec := fmt.Sprintf(`{"source":"%ss","dest":"%sd","create_dest":true,"filter":%q}`, long, long, strings.Repeat("v", s.opts.Limits.MaxTagBytes))
	if w := do(s, "PUT", "/v0/routers/"+long, spec); w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body)
	}
	for _, row := range []struct {
		target, names string
		state         uintptr
		most          int
	}{
		{"/v0/topics?prefix=" + long + "s", `"topic"`, unsafe.Sizeof(topic.State{}) + unsafe.Sizeof(catalog.TopicRow{}), catalog.TopicRowCost},
		{"/v0/routers", `"router"`, unsafe.Sizeof(router.State{}) + unsafe.Sizeof(catalog.RouterRow{}), catalog.RouterRowCost},
	} {
		w := do(s, "GET", row.target, "")
		if w.Code != http.StatusOK || strings.Count(w.Body.String(), row.names) != 1 {
			t.Fatal(w.Code, w.Body)
		}
		if n := int(row.state) + 3*2*w.Body.Len(); n > row.most {
			t.Errorf("a row of %s takes %d bytes, and %d are reserved", row.target, n, row.most)
		}
	}
}

// While memory is short a page is smaller, and the listing continues after it. If
// there is none the page has one row.
func TestPagesTakeMemory(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.Limits.MaxInflightBytes = 1 << 20 })
	longNames(t, s, 100)
	c := callOf(s, s.open)
	c.Out = make([]byte, 0, 900<<10)
	c.End()
	names := map[string]bool{}
	cursor, pages := "", 0
	for ; pages == 0 || cursor != ""; pages++ {
		w := do(s, "GET", "/v0/topics?page_size=100&cursor="+cursor, "")
		if pages == 0 {
			w = do(s, "GET", "/v0/topics?page_size=100", "")
		}
		var page struct {
			Topics     []struct{ Topic string }
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Topics) > (1<<20)/4/catalog.TopicRowCost {
			t.Fatalf("%v: %d rows, %d %s", err, len(page.Topics), w.Code, w.Body)
		}
		for _, row := range page.Topics {
			names[row.Topic] = true
		}
		cursor = page.NextCursor
	}
	// There are more than two if a call has large buffers of an earlier one, which
	// are reserved too.
	if len(names) != 100 || pages < 2 {
		t.Errorf("%d topics on %d pages", len(names), pages)
	}
	if held := s.bounds.Usage().Memory; held != 0 {
		t.Errorf("%d bytes are still reserved", held)
	}
	// Reserving all but the memory for a few rows leaves small pages, not refusals.
	all := s.bounds.Usage().MemoryLimit
	if err := s.bounds.Own().Reserve(all); err != nil {
		t.Fatal(err)
	}
	defer s.bounds.Own().Release(all)
	if w := do(s, "GET", "/v0/topics?page_size=100", ""); w.Code != http.StatusOK || strings.Count(w.Body.String(), `"topic"`) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
