package api

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/listing"
	"github.com/e6e95bb8/topics/api/wire"
)

var listedTopic = regexp.MustCompile(`\{"(?:topic|router)":"([^"]+)"`)

// listed returns the names on all pages of a listing, and the last answer.
func (s *contractServer) listed(target string, header ...string) (names []string, last *answer) {
	s.t.Helper()
	for next := ""; ; {
		last = s.send("GET "+target+next, "", header...)
		if last.status != 200 {
			s.t.Fatalf("%s: %d %s", target, last.status, last.body)
		}
		for _, m := range listedTopic.FindAllSubmatch(last.body, -1) {
			names = append(names, string(m[1]))
		}
		cursor := last.text("next_cursor")
		if cursor == "" {
			return names, last
		}
		next = "&cursor=" + url.QueryEscape(cursor)
	}
}

// Section 7 of ops.md: sorted and filtered lists of topics, their total and rates.
func TestContractSortedTopics(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for i, config := range []string{`{}`, `{"durability":"fsync","cap_records":7}`, `{"type":"queue"}`, `{"durability":"memory"}`} {
			topic := fmt.Sprintf("shop.%c", 'a'+i)
			s.walk(step{"PUT /v0/topics/" + topic, config, 201, ``})
			for range i * i {
				s.walk(step{"POST /v0/topics/" + topic, `{"records":[{"data":` + strings.Repeat("7", 100/(i*i)) + `}]}`, 200, ``})
				s.clock.Add(1)
			}
		}
		s.walk(step{"PUT /v0/topics/other", `{}`, 201, ``})
		for query, want := range map[string]string{
			"?page_size=2":                          "other shop.a shop.b shop.c shop.d/5",
			"?order=desc&page_size=2":               "shop.d shop.c shop.b shop.a other/5",
			"?sort=name&order=asc&prefix=shop.":     "shop.a shop.b shop.c shop.d/4",
			"?contains=p.&page_size=1":              "shop.a shop.b shop.c shop.d/4",
			"?contains=nowhere":                     "/0",
			"?contains=":                            "other shop.a shop.b shop.c shop.d/5",
			"?type=queue":                           "shop.c/1",
			"?type=log&page_size=3":                 "other shop.a shop.b shop.d/4",
			"?class=disk&type=log":                  "other shop.a/2",
			"?class=fsync":                          "shop.b/1",
			"?sort=records&page_size=1":             "shop.d shop.c shop.b other shop.a/5",
			"?sort=records&order=asc":               "other shop.a shop.b shop.c shop.d/5",
			"?sort=bytes&page_size=2":               "shop.b shop.c shop.d other shop.a/5",
			"?sort=write_rate&page_size=2":          "shop.d shop.c shop.b other shop.a/5",
			"?sort=last_write&page_size=2":          "shop.d shop.c shop.b other shop.a/5",
			"?sort=last_write&prefix=shop.b":        "shop.b/1",
			"?sort=write_rate&contains=.&order=asc": "shop.a shop.b shop.c shop.d/4",
		} {
			names, last := s.listed("/v0/topics" + query)
			if got := strings.Join(names, " ") + "/" + last.raw("total"); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		// Rows have rates over a minute, caps, and what follows the topic.
		watch := s.send("POST /v0/watch", `{"topics":{"shop.b":{}},"prefixes":{"shop.":{"tail":true}}}`)
		if watch.status != 200 {
			t.Fatal(watch.status, string(watch.body))
		}
		s.walk(
			step{"POST /v0/topics/shop.c/claim", `{"node":"w","max":3}`, 200, `{"count":3}`},
			step{"POST /v0/topics/shop.c/ack", `{"node":"w","seqs":[1]}`, 200, ``},
			step{"POST /v0/topics/shop.c/nack", `{"node":"w","seqs":[2,3]}`, 200, ``},
			step{"GET /v0/topics/shop.b/diff", ``, 200, ``},
			step{"GET /v0/topics?contains=.b", ``, 200, `{"total":1,"topics":[{"topic":"shop.b","type":"log","head_seq":1,"earliest_seq":1,"count":1,"bytes":100,"durable":true,
				"durability":"fsync","effective_priority":500,"write_rate":0.016666666666666666,"write_bytes_rate":1.6666666666666667,"read_rate":0.016666666666666666,
				"last_write_ts":1700000000000,"subscribers":2,"caps":{"cap_records":7,"cap_bytes":0,"ttl_ms":0,"discard":"old"}}]}`},
			step{"GET /v0/topics/shop.b?touch=false", ``, 200, `{"subscribers":2}`}, step{"GET /v0/topics/shop.a", ``, 200, `{"subscribers":1}`},
			step{"GET /v0/topics/other", ``, 200, `{"subscribers":0}`},
		)
		for member, want := range map[string]string{"claim_rate": "0.05", "ack_rate": "0.016666666666666666", "nack_rate": "0.03333333333333333"} {
			if a := s.send("GET /v0/topics?type=queue", ""); !strings.Contains(string(a.body), fmt.Sprintf(`"%s":%s`, member, want)) {
				t.Errorf("no %s of %s in %s", member, want, a.body)
			}
		}
		// What happened more than a minute ago does not count.
		s.clock.Add(71_000)
		s.walk(step{"GET /v0/topics?contains=.b", ``, 200, ``})
		if a := s.send("GET /v0/topics?contains=.b", ""); !strings.Contains(string(a.body), `"write_rate":0,"write_bytes_rate":0,"read_rate":0`) {
			t.Errorf("%s", a.body)
		}
		for query, field := range map[string]string{
			"sort=size": "sort", "sort=lag": "sort", "sort=": "sort", "order=up": "order", "type=stream": "type", "class=Disk": "class",
			"contains=" + strings.Repeat("x", 256): "contains", "page_size=0": "page_size", "cursor=": "cursor", "sort=bytes&cursor=x": "cursor",
		} {
			s.walk(step{"GET /v0/topics?" + query, ``, 400, badField(field)})
		}
		if a := s.send("GET /v0/topics?contains="+strings.Repeat("x", 256), ""); !strings.Contains(string(a.body), "at most 255 are allowed") {
			t.Errorf("%s", a.body)
		}
		// A cursor belongs to its query.
		sorted := s.send("GET /v0/topics?sort=bytes&page_size=2", "").text("next_cursor")
		for _, query := range []string{"", "sort=bytes&order=asc&", "sort=records&", "sort=bytes&contains=s&", "sort=bytes&prefix=s&", "sort=bytes&type=log&"} {
			s.walk(step{"GET /v0/topics?" + query + "cursor=" + sorted, ``, 400, badField("cursor")})
		}
		s.walk(step{"GET /v0/topics?sort=bytes&cursor=" + wire.FormatCursor("nothing", "x"), ``, 400, badField("cursor")})
		// An order that is no longer kept says so.
		s.walk(step{"GET /v0/topics?sort=bytes&page_size=2&cursor=" + sorted, ``, 200, `{"total":5}`})
		if err := s.orders.Keep(&listing.Order{ID: "large", Names: make([]string, s.opts.Limits.MaxInflightBytes/16/16)}); err != nil {
			t.Fatal(err)
		}
		s.walk(step{"GET /v0/topics?sort=bytes&page_size=2&cursor=" + sorted, ``, 400, `{"error":{"code":"invalid_request","detail":{"field":"cursor","expired":true}}}`})
	})
}

// A key sees the topics of its prefixes only, and their total.
func TestContractListsOfKeys(t *testing.T) {
	keys, err := auth.Parse("all,some:r:a.|c.,other:r:a.,none:r:x.")
	if err != nil {
		t.Fatal(err)
	}
	overBoth(t, func(o *Options) { o.Keys = keys }, func(t *testing.T, s *contractServer) {
		as := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
		for _, topic := range []string{"a.1", "a.2", "b.1", "c.1", "c.2", "d"} {
			if a := s.send("PUT /v0/topics/"+topic, `{}`, as("all")...); a.status != 201 {
				t.Fatal(string(a.body))
			}
		}
		for _, tc := range []struct{ key, query, want string }{
			{"all", "?page_size=2", "a.1 a.2 b.1 c.1 c.2 d/6"}, {"some", "?page_size=2", "a.1 a.2 c.1 c.2/4"}, {"other", "?page_size=1", "a.1 a.2/2"}, {"none", "?x=", "/0"},
			{"some", "?sort=bytes&page_size=1", "a.1 a.2 c.1 c.2/4"}, {"some", "?contains=.1&page_size=1", "a.1 c.1/2"}, {"some", "?prefix=c&order=desc", "c.2 c.1/2"},
			{"some", "?prefix=b", "/0"}, {"some", "?prefix=b&order=desc", "/0"}, {"none", "?sort=records", "/0"},
		} {
			names, last := s.listed("/v0/topics"+tc.query, as(tc.key)...)
			if got := strings.Join(names, " ") + "/" + last.raw("total"); got != tc.want {
				t.Errorf("%s with key %s: %s, want %s", tc.query, tc.key, got, tc.want)
			}
		}
		cursor := s.send("GET /v0/topics?sort=bytes&page_size=1", "", as("all")...).text("next_cursor")
		if a := s.send("GET /v0/topics?sort=bytes&cursor="+cursor, "", as("some")...); a.status != 400 {
			t.Errorf("a key goes on in the order of one that sees more: %s", a.body)
		}
	})
}

// Section 7 of ops.md: routers by lag, their state and its reason.
func TestContractSortedRouters(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"PUT /v0/topics/full", `{"cap_records":2,"discard":"reject"}`, 201, ``},
			step{"PUT /v0/routers/b", `{"source":"src","dest":"full"}`, 201, ``},
			step{"PUT /v0/routers/a", `{"source":"src","dest":"copy"}`, 201, ``},
			step{"PUT /v0/routers/c", `{"source":"idle","dest":"copy"}`, 201, ``},
			step{"POST /v0/topics/src", `{"records":[{},{},{},{},{}]}`, 200, ``},
			step{"GET /v0/topics/copy/diff?wait_ms=30000", ``, 200, `{"head_seq":5}`},
		)
		blocked := s.sendUntil("GET /v0/routers/b", "", func(a *answer) bool { return a.text("state") == "blocked" })
		if d := blocked.differs(`{"lag":3,"forwarded_total":2,"state":"blocked","reason":"topic \"full\" is full and rejects","blocked":"topic \"full\" is full and rejects"}`); d != "" {
			t.Error(d)
		}
		s.walk(step{"GET /v0/routers/a", ``, 200, `{"lag":0,"state":"ok","reason":"(absent)","forwarded_rate":0.08333333333333333}`})
		for query, want := range map[string]string{
			"?sort=lag&page_size=1": "b a c", "?sort=lag&order=asc&page_size=1": "a c b", "?order=desc": "c b a", "?sort=name": "a b c", "?sort=lag&source=src": "b a",
			"?sort=lag&dest=copy": "a c", "?sort=lag&prefix=c": "c",
		} {
			if names, _ := s.listed("/v0/routers" + query); strings.Join(names, " ") != want {
				t.Errorf("%s: %v, want %s", query, names, want)
			}
		}
		s.walk(step{"GET /v0/routers?sort=bytes", ``, 400, badField("sort")}, step{"GET /v0/routers?order=1", ``, 400, badField("order")},
			step{"GET /v0/routers?sort=lag&cursor=" + s.send("GET /v0/routers?page_size=1", "").text("next_cursor"), ``, 400, badField("cursor")})
	})
}
