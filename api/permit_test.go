package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

func TestNamesInBodiesAreInsideThePrefixes(t *testing.T) {
	s, e := keyedServer(t, "all,inside::inside,writer:rw:inside,admin:a+w:inside", nil)
	for _, tt := range []struct {
		key, method, path, body string
		status                  int
		want                    string
	}{
		{"inside", "PUT", "/v0/topics/inside1", `{"type":"queue","dead_letter":"inside2"}`, 201, ""},
		{"inside", "PUT", "/v0/topics/inside3", `{"type":"queue","dead_letter":"other"}`, 403, `"name":"other"`},
		{"inside", "PATCH", "/v0/topics/inside1", `{"dead_letter":"other"}`, 403, `"name":"other"`},
		{"inside", "PATCH", "/v0/topics/inside1", `{"dead_letter":null}`, 200, ""},
		{"all", "PATCH", "/v0/topics/inside1", `{"dead_letter":"other"}`, 200, ""},
		{"writer", "POST", "/v0/topics/inside4", `{"records":[{}]}`, 201, ""},
		{"writer", "POST", "/v0/topics/inside5", `{"records":[{}],"config":{}}`, 403, `"scope":"admin-write"`},
		{"writer", "POST", "/v0/topics/inside4", `{"records":[{}],"config":{}}`, 403, `"scope":"admin-write"`},
		{"admin", "POST", "/v0/topics/inside5", `{"records":[{}],"config":{"dead_letter":"other"}}`, 403, `"name":"other"`},
		{"admin", "POST", "/v0/topics/inside5", `{"records":[{}],"config":{"dead_letter":"inside6"}}`, 201, ""},
		{"inside", "PUT", "/v0/routers/inside-r", `{"source":"inside1","dest":"other"}`, 403, `"name":"other"`},
		{"inside", "PUT", "/v0/routers/inside-r", `{"source":"other","dest":"inside1"}`, 403, `"name":"other"`},
		{"inside", "PUT", "/v0/routers/other-r", `{"source":"inside1","dest":"inside2"}`, 403, `"name":"other-r"`},
		{"inside", "POST", "/v0/watch", `{"topics":{"other":{"tail":true}}}`, 403, `"name":"other"`},
		{"inside", "POST", "/v0/watch", `{"prefixes":{"other":{"tail":true}}}`, 403, `"name":"other"`},
		{"inside", "POST", "/v0/watch", `{"prefixes":{"ins":{"tail":true}}}`, 403, `"name":"ins"`},
	} {
		w := do(s, tt.method, tt.path, tt.body, "Authorization", "Bearer "+tt.key)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %s %s %s: %d %s, want %d with %s", tt.key, tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.want)
		}
	}
	for _, name := range []string{"inside3", "other"} {
		if e.topics[name] != nil {
			t.Errorf("a refused request has left %s behind", name)
		}
	}
}

// Lists show what the key sees and nothing else, whole and in order, whatever
// the prefixes, the prefix asked for and the size of the pages.
func TestListsShowWhatIsSeen(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	word := func(most int) string {
		b := make([]byte, 1+rng.IntN(most))
		for i := range b {
			b[i] = 'a' + byte(rng.IntN(3))
		}
		return string(b)
	}
	for range 60 {
		var prefixes []string
		for range 1 + rng.IntN(4) {
			prefixes = append(prefixes, word(3))
		}
		s, e := keyedServer(t, "k:r:"+strings.Join(prefixes, "|"), nil)
		prefix := ""
		if rng.IntN(2) == 0 {
			prefix = word(2)
		}
		var want []string
		for range 40 {
			name := word(6)
			if e.topics[name] == nil && s.opts.Keys.All()[0].Sees(name) && strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
			e.topics[name] = &memTopic{config: record.DefaultConfig()}
		}
		slices.Sort(want)
		size, cursor := 1+rng.IntN(7), ""
		var got []string
		for {
			w := do(s, "GET", fmt.Sprintf("/v0/topics?prefix=%s&page_size=%d%s", prefix, size, cursor), "", "Authorization", "Bearer k")
			var page struct {
				Topics []struct {
					Topic string `json:"topic"`
				} `json:"topics"`
				Next string `json:"next_cursor"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for _, row := range page.Topics {
				got = append(got, row.Topic)
			}
			if page.Next == "" {
				break
			}
			if len(page.Topics) != size {
				t.Fatalf("a page of %d, and yet another one follows", len(page.Topics))
			}
			cursor = "&cursor=" + page.Next
		}
		if !slices.Equal(got, want) {
			t.Fatalf("prefixes %q, asked for %q in pages of %d:\n got %q\nwant %q", prefixes, prefix, size, got, want)
		}
	}
}

// What is listed for each of many prefixes costs a page, not what lies between.
func TestAListingAsksForNoMoreThanItShows(t *testing.T) {
	s, _ := keyedServer(t, "k:r:b|d|f", nil)
	asked := 0
	list := func(prefix, _ string, limit int) ([]string, bool) {
		asked += limit
		page := make([]string, limit)
		for i := range page {
			page[i] = fmt.Sprintf("%s%d", prefix, i)
		}
		return page, false
	}
	page, more := call.PageWithin(s.opts.Keys.All()[0], "", "", 10, list)
	if len(page) != 10 || !more || asked > 11 {
		t.Errorf("%d rows, more %t, %d asked for", len(page), more, asked)
	}
}

// Per-topic metrics, recovery reports and what a delete took with it name only
// what the key sees.
func TestNamesOfOthersAreHidden(t *testing.T) {
	keys, _ := auth.Parse("all,inside::inside")
	w := newWorld()
	w.progress = phases["ready"]
	var sees func(string) bool
	s := opsServer(w, func(o *Options) {
		o.Keys = keys
		o.Report = func(f func(string) bool) any { sees = f; return map[string]any{} }
	})
	e := &opsEngine{page: []topics.TopicGauge{{Name: "inside1"}, {Name: "secret"}, {Name: "inside2"}}}
	s.Open(e)
	for key, hidden := range map[string]bool{"all": false, "inside": true} {
		for _, accept := range []string{"text/plain", wire.MediaJSON} {
			e.page = []topics.TopicGauge{{Name: "inside1"}, {Name: "secret"}, {Name: "inside2"}}
			body := do(s, "GET", "/v0/metrics", "", "Authorization", "Bearer "+key, "Accept", accept).Body.String()
			if !strings.Contains(body, "inside1") || !strings.Contains(body, "inside2") || strings.Contains(body, "secret") == hidden {
				t.Errorf("%s, %s: hidden is to be %t in\n%s", key, accept, hidden, body)
			}
		}
		do(s, "GET", "/v0/recovery", "", "Authorization", "Bearer "+key)
		if sees("secret") == hidden || !sees("inside1") {
			t.Errorf("%s: the report sees secret: %t", key, sees("secret"))
		}
	}
	if got := (&call.Call{Key: keys.All()[1]}).Seen([]string{"secret", "inside3"}); !slices.Equal(got, []string{"inside3"}) {
		t.Errorf("removed routers: %q", got)
	}
}
