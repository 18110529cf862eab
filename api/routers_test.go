package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// routerPath is the path of a router; '>' is encoded, as most clients do.
func routerPath(name string) string { return "/v0/routers/" + url.PathEscape(name) }

// withoutTime is an answer without the part that is different each time.
func withoutTime(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object(t, w)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestPutRouter(t *testing.T) {
	s := serveReal(t, nil, nil)
	const full = `"allow_cycle":false,"create_dest":true,"created":%t,"dest":"b","filter":%s,` +
		`"guarantee":"%s","preserve_node":%t,"preserve_tag":true,"router":"a>b","source":"a"`
	for _, tc := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"source":"a","dest":"b"}`, 201, fmt.Sprintf(full, true, "null", "at_least_once", true)},
		{`{"source":"a","dest":"b"}`, 200, fmt.Sprintf(full, false, "null", "at_least_once", true)},
		{`{"source":"a","dest":"b","filter":null,"guarantee":null,"preserve_node":null,"x":[1]}`, 200,
			fmt.Sprintf(full, false, "null", "at_least_once", true) + `,"warnings":["unknown field \"x\""]`},
		{`{"source":"a","dest":"b","filter":"x","guarantee":"exactly_once","preserve_node":false}`, 200,
			fmt.Sprintf(full, false, `["tag","Eq","x"]`, "exactly_once", false)},
		{`{"source":"a","dest":"b","filter":"x*"}`, 200, fmt.Sprintf(full, false, `["tag","Glob","x*"]`, "at_least_once", true)},
		{`{"source":"a","dest":"b","filter":["tag","Eq","x*"]}`, 200, fmt.Sprintf(full, false, `["tag","Eq","x*"]`, "at_least_once", true)},
		{`{"source":"a","dest":"b","filter":["tag","Glob","*"]}`, 200, fmt.Sprintf(full, false, `["tag","Glob","*"]`, "at_least_once", true)},
	} {
		w := do(s, "PUT", routerPath("a>b"), tc.body)
		if w.Code != tc.status || withoutTime(t, w) != "{"+tc.want+"}" {
			t.Errorf("%s: %d %s, want %d %s", tc.body, w.Code, w.Body, tc.status, tc.want)
		}
	}
	// The name may also come as it is.
	if w := do(s, "GET", "/v0/routers/a>b", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPutRouterRefuses(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "here", "")
	for _, tc := range []struct{ name, body, code, field string }{
		{"r", ``, "invalid_request", "source"},
		{"r", `{}`, "invalid_request", "source"},
		{"r", `{"source":"a"}`, "invalid_request", "dest"},
		{"r", `{"source":null,"dest":"b"}`, "invalid_request", "source"},
		{"r", `{"source":1,"dest":"b"}`, "invalid_request", "source"},
		{"r", `{"source":"a","dest":["b"]}`, "invalid_request", "dest"},
		{"r", `{"source":"a>b","dest":"b"}`, "invalid_request", "source"},
		{"r", `{"source":"a","dest":""}`, "invalid_request", "dest"},
		{"r", `{"source":"a","dest":"a"}`, "invalid_request", "dest"},
		{"r", `{"source":"a","dest":"b","preserve_node":1}`, "invalid_request", "preserve_node"},
		{"r", `{"source":"a","dest":"b","preserve_tag":"true"}`, "invalid_request", "preserve_tag"},
		{"r", `{"source":"a","dest":"b","create_dest":{}}`, "invalid_request", "create_dest"},
		{"r", `{"source":"a","dest":"b","allow_cycle":0}`, "invalid_request", "allow_cycle"},
		{"r", `{"source":"a","dest":"b","guarantee":"twice"}`, "invalid_request", "guarantee"},
		{"r", `{"source":"a","dest":"b","guarantee":""}`, "invalid_request", "guarantee"},
		{"r", `{"source":"a","dest":"b","guarantee":true}`, "invalid_request", "guarantee"},
		{"r", `{"source":"a","dest":"b","filter":7}`, "invalid_request", "filter"},
		{"r", `{"source":"a","dest":"b","filter":"a*b"}`, "invalid_request", "filter"},
		{"r", `{"source":"a","dest":"b","filter":["node","Eq","x"]}`, "invalid_request", "filter"},
		{"r", `{"source":"a","dest":"b","filter":["tag","Like","x"]}`, "invalid_request", "filter"},
		{"r", `{"source":"a","dest":"b"} x`, "invalid_request", ""},
		{">r", `{"source":"a","dest":"b"}`, "invalid_request", ""},
		{strings.Repeat("r", 256), `{"source":"a","dest":"b"}`, "invalid_request", ""},
		{"r", `{"source":"here","dest":"b","create_dest":false}`, "topic_not_found", ""},
	} {
		w := do(s, "PUT", routerPath(tc.name), tc.body)
		status := map[string]int{"invalid_request": 400, "topic_not_found": 404}[tc.code]
		wantCode(t, w, status, tc.code)
		e := object(t, w)["error"].(map[string]any)
		detail, _ := e["detail"].(map[string]any)
		if tc.field != "" && detail["field"] != tc.field {
			t.Errorf("%s: %v, want the field %s", tc.body, e, tc.field)
		}
		if strings.HasPrefix(fmt.Sprint(e["message"]), "filter: match:") {
			t.Errorf("%s: %v", tc.body, e)
		}
	}
	wantCode(t, do(s, "PUT", "/v0/routers/r", `{}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
	if w := do(s, "GET", "/v0/topics", ""); strings.Count(w.Body.String(), `"topic":`) != 1 {
		t.Errorf("refused routers left topics behind: %s", w.Body)
	}
	if w := do(s, "GET", "/v0/routers", ""); withoutTime(t, w) != `{"routers":[]}` {
		t.Errorf("refused routers are there: %s", w.Body)
	}
}

func TestRouterCycle(t *testing.T) {
	s := serveReal(t, nil, nil)
	do(s, "PUT", "/v0/routers/ab", `{"source":"a","dest":"b"}`)
	w := do(s, "PUT", "/v0/routers/ba", `{"source":"b","dest":"a"}`)
	wantCode(t, w, 409, "router_cycle")
	detail := object(t, w)["error"].(map[string]any)["detail"].(map[string]any)
	cycle := fmt.Sprint(detail["cycle"])
	if cycle != "[b a b]" && cycle != "[a b a]" {
		t.Errorf("cycle %s", cycle)
	}
	if w := do(s, "PUT", "/v0/routers/ba", `{"source":"b","dest":"a","allow_cycle":true}`); w.Code != 201 {
		t.Errorf("allowed: %d %s", w.Code, w.Body)
	}
}

func TestGetAndDeleteRouter(t *testing.T) {
	s := serveReal(t, nil, nil)
	wantCode(t, do(s, "GET", "/v0/routers/r", ""), 404, "router_not_found")
	wantCode(t, do(s, "GET", "/v0/routers/-r", ""), 400, "invalid_request")
	wantCode(t, do(s, "DELETE", "/v0/routers/-r", ""), 400, "invalid_request")
	if w := do(s, "DELETE", "/v0/routers/r", ""); withoutTime(t, w) != `{"deleted":false,"router":"r"}` {
		t.Errorf("absent: %s", w.Body)
	}
	do(s, "PUT", "/v0/routers/r", `{"source":"a","dest":"b"}`)
	s.write(t, "a", "1", "2", "3")
	// A read of the destination waits for what was written to the source.
	if w := do(s, "GET", "/v0/topics/b/diff", ""); !strings.Contains(w.Body.String(), `"head_seq":3`) {
		t.Errorf("not forwarded: %s", w.Body)
	}
	v := object(t, do(s, "GET", "/v0/routers/r", ""))
	if v["forwarded_total"] != 3.0 || v["lag"] != 0.0 || v["router"] != "r" || v["source"] != "a" {
		t.Errorf("%v", v)
	}
	if _, there := v["blocked"]; there {
		t.Errorf("blocked: %v", v)
	}
	if w := do(s, "DELETE", "/v0/routers/r", ""); withoutTime(t, w) != `{"deleted":true,"router":"r"}` {
		t.Errorf("%s", w.Body)
	}
	wantCode(t, do(s, "GET", "/v0/routers/r", ""), 404, "router_not_found")
	if w := do(s, "GET", "/v0/topics/b", ""); !strings.Contains(w.Body.String(), `"count":3`) {
		t.Errorf("what was forwarded went: %s", w.Body)
	}
}

func TestBlockedRouterSaysWhy(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "full", `{"cap_records":1,"discard":"reject"}`)
	do(s, "PUT", "/v0/routers/r", `{"source":"a","dest":"full"}`)
	s.write(t, "a", "1", "2")
	waitFor(t, func() bool {
		v := object(t, do(s, "GET", "/v0/routers/r", ""))
		return v["blocked"] != nil && v["lag"].(float64) >= 1
	})
}

func TestDeletedTopicNamesItsRouters(t *testing.T) {
	s := serveReal(t, nil, nil)
	for name, ends := range map[string][2]string{"r2": {"a", "b"}, "r1": {"b", "c"}, "r3": {"a", "c"}} {
		do(s, "PUT", "/v0/routers/"+name, fmt.Sprintf(`{"source":%q,"dest":%q}`, ends[0], ends[1]))
	}
	w := do(s, "DELETE", "/v0/topics/b", "")
	if withoutTime(t, w) != `{"deleted":true,"routers_removed":["r1","r2"],"topic":"b"}` {
		t.Errorf("%s", w.Body)
	}
	if w := do(s, "DELETE", "/v0/topics/b", ""); withoutTime(t, w) != `{"deleted":false,"routers_removed":[],"topic":"b"}` {
		t.Errorf("%s", w.Body)
	}
	wantCode(t, do(s, "GET", "/v0/routers/r1", ""), 404, "router_not_found")
}

// pagesOf reads a listing page by page and returns the names on each.
func pagesOf(t *testing.T, s *realServer, query url.Values, header ...string) (pages [][]string) {
	t.Helper()
	for {
		w := do(s, "GET", "/v0/routers?"+query.Encode(), "", header...)
		var page struct {
			Routers []struct{ Router string }
			Next    *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
			t.Fatalf("%v: %d %s", query, w.Code, w.Body)
		}
		names := []string{}
		for _, r := range page.Routers {
			names = append(names, r.Router)
		}
		pages = append(pages, names)
		if page.Next == nil {
			return pages
		}
		query.Set("cursor", *page.Next)
	}
}

func TestListRouters(t *testing.T) {
	s := serveReal(t, nil, nil)
	for _, r := range []struct{ name, source, dest string }{
		{"a>b", "a", "b"}, {"a>c", "a", "c"}, {"b>c", "b", "c"}, {"x", "a", "c"}, {"x>y", "d", "e"},
	} {
		if w := do(s, "PUT", routerPath(r.name), fmt.Sprintf(`{"source":%q,"dest":%q}`, r.source, r.dest)); w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for query, want := range map[string]string{
		"":                            "[[a>b a>c b>c x x>y]]",
		"page_size=2":                 "[[a>b a>c] [b>c x] [x>y]]",
		"page_size=5":                 "[[a>b a>c b>c x x>y]]",
		"page_size=1&prefix=x":        "[[x] [x>y]]",
		"source=a":                    "[[a>b a>c x]]",
		"source=a&page_size=2":        "[[a>b a>c] [x]]",
		"dest=c":                      "[[a>c b>c x]]",
		"source=a&dest=c&page_size=1": "[[a>c] [x]]",
		"source=a&dest=c&prefix=a>":   "[[a>c]]",
		"source=nowhere":              "[[]]",
		"prefix=z":                    "[[]]",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(pagesOf(t, s, q)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	v := object(t, do(s, "GET", "/v0/routers?prefix=x%3E", ""))
	want := parse(t, `{"routers":[{"router":"x>y","source":"d","dest":"e","preserve_node":true,"preserve_tag":true,
		"create_dest":true,"filter":null,"allow_cycle":false,"guarantee":"at_least_once","forwarded_total":0,"lag":0,
		"forwarded_rate":0,"state":"ok"}]}`)
	if !reflect.DeepEqual(v, want) {
		t.Errorf("%v, want %v", v, want)
	}
	next, _ := object(t, do(s, "GET", "/v0/routers?page_size=1", ""))["next_cursor"].(string)
	for _, query := range []string{
		"page_size=0", "page_size=x", "source=-", "source=", "dest=", "dest=a>b", "cursor=x", "cursor=",
		"prefix=a&cursor=" + next, "source=a&cursor=" + next, "dest=c&cursor=" + next,
	} {
		wantCode(t, do(s, "GET", "/v0/routers?"+query, ""), 400, "invalid_request")
	}
	wantCode(t, do(s, "GET", "/v0/topics?cursor="+next, ""), 400, "invalid_request")
}
