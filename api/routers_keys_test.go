package api

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/recovery"
)

// serveKeys is a real server with keys, and a way to ask it as one of them.
func serveKeys(t *testing.T, list string) (*realServer, func(key, method, path, body string) *httptest.ResponseRecorder) {
	t.Helper()
	keys, err := auth.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.Keys = keys }, nil)
	return s, func(key, method, path, body string) *httptest.ResponseRecorder {
		return do(s, method, path, body, "Authorization", "Bearer "+key)
	}
}

// A key needs the router and both ends inside its prefixes; what it does not
// see is not in its lists.
func TestRoutersOfOthers(t *testing.T) {
	s, as := serveKeys(t, "root,in::in,two::in|out.b")
	for name, ends := range map[string][2]string{
		"in.1": {"in.a", "in.b"}, "in.2": {"in.a", "out.b"}, "in.3": {"out.a", "in.b"}, "in.4": {"in.a", "in.c"},
		"out.1": {"in.a", "in.b"},
	} {
		if w := as("root", "PUT", "/v0/routers/"+name, fmt.Sprintf(`{"source":%q,"dest":%q}`, ends[0], ends[1])); w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for _, size := range []string{"1", "2", "100"} {
		for key, want := range map[string][]string{
			"root": {"in.1", "in.2", "in.3", "in.4", "out.1"}, "in": {"in.1", "in.4"}, "two": {"in.1", "in.2", "in.4"},
		} {
			got := slices.Concat(pagesOf(t, s, url.Values{"page_size": {size}}, "Authorization", "Bearer "+key)...)
			if !slices.Equal(got, want) {
				t.Errorf("%s lists %v, want %v", key, got, want)
			}
		}
	}
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v0/routers/in.1", "", 200},
		{"GET", "/v0/routers/in.2", "", 403},
		{"GET", "/v0/routers/in.3", "", 403},
		{"GET", "/v0/routers/out.1", "", 403},
		{"GET", "/v0/routers/in.9", "", 404},
		{"GET", "/v0/routers?source=out.a", "", 403},
		{"GET", "/v0/routers?dest=out.b", "", 403},
		{"PUT", "/v0/routers/in.9", `{"source":"in.x","dest":"out.x"}`, 403},
		{"PUT", "/v0/routers/in.9", `{"source":"out.x","dest":"in.x"}`, 403},
		{"PUT", "/v0/routers/out.9", `{"source":"in.x","dest":"in.y"}`, 403},
		{"PUT", "/v0/routers/in.2", `{"source":"in.x","dest":"in.y"}`, 403},
		{"PUT", "/v0/routers/in.9", `{"source":"in.x","dest":"in.y"}`, 201},
		{"DELETE", "/v0/routers/in.2", "", 403},
		{"DELETE", "/v0/routers/in.9", "", 200},
		{"DELETE", "/v0/routers/in.9", "", 200},
	} {
		w := as("in", tc.method, tc.path, tc.body)
		if w.Code != tc.status {
			t.Errorf("%s %s %s: %d %s, want %d", tc.method, tc.path, tc.body, w.Code, w.Body, tc.status)
		}
		if tc.body == "" && strings.HasPrefix(tc.path, "/v0/routers/") && strings.Contains(w.Body.String(), `"out.`) && !strings.Contains(tc.path, "out.1") {
			t.Errorf("%s %s names an end that the key does not see: %s", tc.method, tc.path, w.Body)
		}
	}
	// What a deletion removes is told as far as it is seen.
	if w := as("in", "DELETE", "/v0/topics/in.b", ""); !strings.Contains(w.Body.String(), `"routers_removed":["in.1","in.3"]`) {
		t.Errorf("%s", w.Body)
	}
}

// A cycle may go by topics that the key does not see: it is refused without
// their names.
func TestCycleByTopicsOfOthers(t *testing.T) {
	_, as := serveKeys(t, "root,in::in")
	for _, ends := range [][2]string{{"in.a", "out.secret"}, {"out.secret", "in.b"}} {
		body := fmt.Sprintf(`{"source":%q,"dest":%q}`, ends[0], ends[1])
		if w := as("root", "PUT", "/v0/routers/"+ends[0], body); w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for key, want := range map[string]string{"root": "[in.b in.a out.secret in.b]", "in": "[in.b in.a in.b]"} {
		w := as(key, "PUT", "/v0/routers/in.back", `{"source":"in.b","dest":"in.a"}`)
		wantCode(t, w, 409, "router_cycle")
		detail := object(t, w)["error"].(map[string]any)["detail"].(map[string]any)
		if got := fmt.Sprint(detail["cycle"]); got != want {
			t.Errorf("%s is told %s, want %s", key, got, want)
		}
		if key == "in" && strings.Contains(w.Body.String(), "secret") {
			t.Errorf("names what the key does not see: %s", w.Body)
		}
	}
}

// Too many ways may begin at a topic that the key does not see: the router is
// refused without its name.
func TestWaysByTopicsOfOthers(t *testing.T) {
	keys, err := auth.Parse("root,in::in")
	if err != nil {
		t.Fatal(err)
	}
	s := serveStored(t, func(o *recovery.Options) { o.Topics.MaxRouterWays = 2 }, func(o *Options) { o.Keys = keys }, nil)
	as := func(key, name, source, dest string) *httptest.ResponseRecorder {
		return do(s, "PUT", "/v0/routers/"+name, fmt.Sprintf(`{"source":%q,"dest":%q}`, source, dest), "Authorization", "Bearer "+key)
	}
	for name, ends := range map[string][2]string{"1": {"out.secret", "in.a"}, "2": {"out.secret", "out.other"}, "3": {"in.a", "in.b"}} {
		if w := as("root", name, ends[0], ends[1]); w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for key, want := range map[string]string{"root": "map[max:2 topic:out.secret ways:3]", "in": "map[max:2 ways:3]"} {
		w := as(key, "in.more", "in.a", "in.c")
		wantCode(t, w, 409, "router_fanout")
		if got := fmt.Sprint(object(t, w)["error"].(map[string]any)["detail"]); got != want {
			t.Errorf("%s is told %s, want %s", key, got, want)
		}
		if key == "in" && strings.Contains(w.Body.String(), "secret") {
			t.Errorf("names what the key does not see: %s", w.Body)
		}
	}
}
