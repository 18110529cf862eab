package client

import (
	"strings"
	"testing"
)

func TestListsGoFromPageToPage(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"topics":[{"topic":"a","count":1},{"topic":"b"}],"next_cursor":"x y"}`},
		answer{status: 200, body: `{"topics":[{"topic":"c","durability":"disk"}]}`},
		answer{status: 503, body: envelope(CodeNotReady)},
	)
	list := c.Topics(t.Context(), "p")
	var names []string
	for l, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, l.Topic+l.Durability)
	}
	if got := strings.Join(names, " "); got != "a b cdisk" {
		t.Errorf("got %s", got)
	}
	if a, b := s.requests[0].URL.RequestURI(), s.requests[1].URL.RequestURI(); a != "/v0/topics?page_size=1000&prefix=p" ||
		b != "/v0/topics?cursor=x+y&page_size=1000&prefix=p" {
		t.Errorf("asked %s, then %s", a, b)
	}
	for _, err := range list { // again, from the first page
		if !IsCode(err, CodeNotReady) {
			t.Errorf("error %v", err)
		}
	}
	if got := s.requests[2].URL.RequestURI(); got != "/v0/topics?page_size=1000&prefix=p" {
		t.Errorf("asked %s", got)
	}
}

func TestFindTopics(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"topics":[{"topic":"b","write_rate":2.5,"last_write_ts":7,"subscribers":3,"ack_rate":1}],"total":2,"next_cursor":"n"}`},
		answer{status: 200, body: `{"topics":[{"topic":"a"}],"total":2}`},
		answer{status: 200, body: `{"topics":[{"topic":"b"}],"total":41203}`},
	)
	var rows []Listed
	for l, err := range c.FindTopics(t.Context(), TopicFilter{Contains: "x&", Type: "queue", Class: "fsync", Sort: "write_rate", Order: "desc"}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, l)
	}
	if len(rows) != 2 || rows[0].WriteRate != 2.5 || *rows[0].LastWriteTS != 7 || rows[0].Subscribers != 3 || rows[0].AckRate != 1 || rows[1].LastWriteTS != nil {
		t.Errorf("%+v", rows)
	}
	if got := s.requests[1].URL.RequestURI(); got != "/v0/topics?class=fsync&contains=x%26&cursor=n&order=desc&page_size=1000&sort=write_rate&type=queue" {
		t.Errorf("asked %s", got)
	}
	n, err := c.CountTopics(t.Context(), TopicFilter{Prefix: "p"})
	if got := s.requests[2].URL.RequestURI(); err != nil || n != 41203 || got != "/v0/topics?page_size=1&prefix=p" {
		t.Error(n, err, got)
	}
}

// A limit ends the list, and is the size of a page that is not larger.
func TestFindTopicsUpToALimit(t *testing.T) {
	c, s := scripted(t, 0,
		answer{status: 200, body: `{"topics":[{"topic":"a"},{"topic":"b"}],"next_cursor":"n"}`},
		answer{status: 200, body: `{"topics":[{"topic":"a"}],"next_cursor":"n"}`},
		answer{status: 200, body: `{"topics":[{"topic":"b"},{"topic":"c"}],"next_cursor":"m"}`},
		answer{status: 503, body: envelope(CodeNotReady)},
	)
	for i, want := range []struct {
		limit  int
		names  string
		asked  string
		failed bool
	}{
		{2, "ab", "/v0/topics?page_size=2&sort=bytes", false},
		{2, "ab", "/v0/topics?cursor=n&page_size=2&sort=bytes", false}, // a page may be short
		{1001, "", "/v0/topics?page_size=1000&sort=bytes", true},
	} {
		names, failed := "", false
		for l, err := range c.FindTopics(t.Context(), TopicFilter{Sort: "bytes", Limit: want.limit}) {
			names += l.Topic
			failed = failed || err != nil
		}
		last := s.requests[len(s.requests)-1].URL.RequestURI()
		if names != want.names || failed != want.failed || last != want.asked {
			t.Errorf("%d: %q, failed %v, asked %s", i, names, failed, last)
		}
	}
}

func TestRouters(t *testing.T) {
	no := false
	c, s := scripted(t, 0,
		answer{status: 201, body: `{"router":"a>b","created":true}`},
		answer{status: 200, body: `{"router":"a>b","source":"a","dest":"b","preserve_node":true,"preserve_tag":false,"create_dest":true,` +
			`"filter":["tag","Eq","x"],"allow_cycle":false,"guarantee":"exactly_once","forwarded_total":7,"lag":2,"state":"blocked","reason":"full","blocked":"full"}`},
		answer{status: 200, body: `{"routers":[{"router":"r","source":"a","filter":null}],"next_cursor":"n"}`},
		answer{status: 200, body: `{"routers":[]}`},
		answer{status: 200, body: `{"router":"a>b","deleted":true}`},
	)
	ctx := t.Context()
	created, err := c.PutRouter(ctx, "a>b", Router{Source: "a", Dest: "b", PreserveTag: &no, Filter: []string{"tag", "Eq", "x"}, Guarantee: "exactly_once"})
	if want := `{"source":"a","dest":"b","preserve_tag":false,"filter":["tag","Eq","x"],"guarantee":"exactly_once"}`; err != nil || !created || s.bodies[0] != want {
		t.Error(created, err, s.bodies[0])
	}
	r, err := c.Router(ctx, "a>b")
	if err != nil || r.Name != "a>b" || r.Source != "a" || *r.PreserveTag || r.Forwarded != 7 || r.Lag != 2 || r.Blocked != "full" || r.State != "blocked" || r.Reason != "full" || r.Filter[2] != "x" {
		t.Error(r, err)
	}
	n := 0
	for r, err := range c.Routers(ctx, RouterFilter{Prefix: "r", Source: "a"}) {
		if n++; err != nil || r.Name != "r" || r.Filter != nil {
			t.Error(r, err)
		}
	}
	if deleted, err := c.DeleteRouter(ctx, "a>b"); err != nil || !deleted || n != 1 {
		t.Error(deleted, err, n)
	}
	var asked []string
	for _, r := range s.requests {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
	}
	if got := strings.Join(asked, ", "); got != "PUT /v0/routers/a%3Eb, GET /v0/routers/a%3Eb, GET /v0/routers?page_size=1000&prefix=r&source=a, "+
		"GET /v0/routers?cursor=n&page_size=1000&prefix=r&source=a, DELETE /v0/routers/a%3Eb" {
		t.Errorf("asked %s", got)
	}
}

func TestPatchTopic(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 200, body: `{"config":{"durability":"disk","priority":null}}`})
	zero, dead := int64(0), "d"
	for _, tc := range []struct {
		changes Changes
		body    string
	}{
		{Changes{}, `{}`},
		{Changes{TTLMS: &zero, Priority: &zero, DeadLetter: &dead}, `{"ttl_ms":0,"priority":0,"dead_letter":"d"}`},
		{Changes{NoPriority: true, NoDeadLetter: true}, `{"priority":null,"dead_letter":null}`},
	} {
		config, err := c.PatchTopic(t.Context(), "t", tc.changes)
		if last := s.bodies[len(s.bodies)-1]; err != nil || config.Durability != "disk" || last != tc.body {
			t.Errorf("sent %s, want %s: %+v, %v", last, tc.body, config, err)
		}
	}
	if r := s.requests[0]; r.Method != "PATCH" || r.URL.Path != "/v0/topics/t" {
		t.Errorf("%s %s", r.Method, r.URL)
	}
}

func TestKeyAndConfirmation(t *testing.T) {
	c, s := scripted(t, 0, answer{status: 200, body: `{"replayed":1,"clean_shutdown":true,"phases":[{"name":"replay","duration_ms":2.5}]}`})
	c.bearer = "Bearer k"
	if err := c.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Recovery(t.Context()); err != nil || !r.Clean || r.Phases[0].DurationMS != 2.5 {
		t.Error(r, err)
	}
	h := s.requests[0].Header
	if h.Get("Authorization") != "Bearer k" || h.Get("X-Confirm") != "true" || s.requests[1].Header.Get("X-Confirm") != "" {
		t.Errorf("sent %v", h)
	}
}
