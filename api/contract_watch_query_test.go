package api

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
)

// follow opens the stream of topics that needs only its URL.
func (s *contractServer) follow(query string, header ...string) *sseClient {
	s.t.Helper()
	return openStream(s.t, s.client, "http://"+s.addr+"/v0/watch?"+query, 200, header...).opening()
}

// Section 9, GET /v0/watch: the stream in one step.
func TestContractWatchQuery(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"POST /v0/topics/orders", `{"records":[{"data":1},{"data":2,"tag":"x","node":"n","meta":{"m":1}}]}`, 201, ``},
			step{"POST /v0/topics/alerts", `{"records":[{"data":3}]}`, 201, ``},
			step{"POST /v0/topics/tenant42:a", `{"records":[{"data":4}]}`, 201, ``},
		)
		names := make([]string, 256)
		for i := range names {
			names[i] = fmt.Sprint("t", i)
		}
		c := s.follow("topic=orders&topic=alerts&prefix=tenant42:&from_seq=1", "Accept", "text/event-stream")
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "",
		} {
			if got := c.resp.Header.Get(name); got != want {
				t.Errorf("%s is %q", name, got)
			}
		}
		if id, err := base64.RawURLEncoding.DecodeString(c.began); err != nil || (&answer{body: id}).differs(`{"orders":1,"alerts":1,"tenant42:a":1}`) != "" {
			t.Errorf("it begins at %s, %v", id, err)
		}
		got := c.untilCaughtUp(3)
		if got != `[{"$seq":2,"$ts":1700000000000,"$node":"n","data":2,"meta":{"m":1}}]` {
			t.Error(got)
		}
		c.hangUp()

		// The tail is the default, and topics of a prefix that are made later come whole.
		for _, query := range []string{"", "&tail=true", "&tail=1", "&include_data=false&include_tags=true&heartbeat_ms=1000&limit=5&consistency=eventual"} {
			c = s.follow("topic=orders&prefix=made" + query)
			c.want("caught-up", `"head_seq":2`)
			c.hangUp()
		}
		c = s.follow("topic=orders&tail=false&match=" + url.QueryEscape(`["tag","Eq","x"]`) + "&include_tags=true&include_meta=false&include_data=0")
		if got := c.untilCaughtUp(1); got != `[{"$seq":2,"$ts":1700000000000,"$node":"n","$tag":"x"}]` {
			t.Error(got)
		}
		c.hangUp()
		c = s.follow("topic=orders&from_seq=0&node=n&node=k&strict=true")
		if got := c.untilCaughtUp(1); got != `[{"$seq":1,"$ts":1700000000000,"data":1}]` {
			t.Error(got)
		}
		c.hangUp()
		waitFor(t, func() bool { return len(s.watches.of(func(*auth.Key) bool { return true })) == 0 }) // nothing is kept
		s.walk(
			step{"GET /v0/watch", ``, 400, refusal("invalid_request")},
			step{"GET /v0/watch?topic=", ``, 400, badField("topic")}, step{"GET /v0/watch?topic=a%2Fb", ``, 400, badField("topic")},
			step{"GET /v0/watch?prefix=%20", ``, 400, badField("prefix")},
			step{"GET /v0/watch?topic=none", ``, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"HEAD /v0/watch?topic=none", ``, 404, ``}, step{"HEAD /v0/watch?topic=orders", ``, 200, ``},
			step{"HEAD /v0/watch?topic=none&lenient=true", ``, 200, ``},
			step{"GET /v0/watch?topic=orders&from_seq=-1", ``, 400, badField("from_seq")},
			step{"GET /v0/watch?topic=orders&from_seq=1&tail=true", ``, 400, badField("tail")},
			step{"GET /v0/watch?topic=orders&tail=yes", ``, 400, badField("tail")},
			step{"GET /v0/watch?topic=orders&heartbeat_ms=x", ``, 400, badField("heartbeat_ms")},
			step{"GET /v0/watch?topic=orders&consistency=x", ``, 400, badField("consistency")},
			step{"GET /v0/watch?topic=orders&include_data=x", ``, 400, badField("include_data")},
			step{"GET /v0/watch?topic=orders&lenient=x", ``, 400, badField("lenient")},
			step{"GET /v0/watch?topic=orders&match=" + url.QueryEscape(`["tag"]`), ``, 400, badField("match")},
			step{"GET /v0/watch?topic=orders&node=" + strings.Repeat("n", 129), ``, 400, badField("node")},
			step{"GET /v0/watch?topic=orders&last_event_id=!", ``, 400, badField("Last-Event-ID")},
			step{"GET /v0/watch?strict=true&topic=orders&topics=alerts", ``, 400, badField("topics")},
			step{"GET /v0/watch?topic=t&topic=" + strings.Join(names, "&topic="), ``, 400, `{"error":{"code":"invalid_request","detail":{"limit":"max_watch_topics","max":256}}}`},
		)
		if a := s.send("GET /v0/watch?topic=orders", "", "Accept", "application/json"); a.status != 406 {
			t.Errorf("%d %s", a.status, a.body)
		}
		// Unknown names are in comments, since no answer can have them.
		c = s.follow("topic=orders&topics=alerts")
		if ev := c.anything(); ev.beat != `warning: query: unknown parameter "topics"; did you mean "topic"?` {
			t.Errorf("%+v", ev)
		}
		c.hangUp()
	})
}

// untilCaughtUp reads events until n topics are drained, and returns the records of
// those before.
func (c *sseClient) untilCaughtUp(n int) (records string) {
	c.t.Helper()
	for n > 0 {
		switch ev := c.anything(); ev.name {
		case "caught-up":
			n--
		case "record":
			_, rest, _ := strings.Cut(ev.data, `"records":`)
			list, _, _ := strings.Cut(rest, `,"from_seq"`)
			records += list
		default:
			c.t.Fatalf("%+v", ev)
		}
	}
	return records
}

// Section 9: the id of an event is where a stream in one step goes on, whether it is
// in the header or in the query, and the header's comes first.
func TestContractWatchQueryResumes(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1}]}`, 201, ``}, step{"POST /v0/topics/p:old", `{"records":[{"data":1}]}`, 201, ``},
			step{"POST /v0/topics/p:gone", `{"records":[{"data":1}]}`, 201, ``})
		const query = "topic=t&prefix=p:"
		c := s.follow(query)
		id := c.began
		c.hangUp()
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":2}]}`, 200, ``}, step{"POST /v0/topics/p:old", `{"records":[{"data":2}]}`, 200, ``},
			step{"POST /v0/topics/p:made", `{"records":[{"data":1},{"data":2}]}`, 201, ``}, step{"DELETE /v0/topics/p:gone", ``, 200, ``})
		later := s.follow(query)
		defer later.hangUp()
		for _, with := range [][]string{{query, "Last-Event-ID", id}, {query + "&last_event_id=" + id}, {query + "&last_event_id=" + later.began, "Last-Event-ID", id}} {
			c := s.follow(with[0], with[1:]...)
			got := map[string]bool{}
			for range 7 {
				ev := c.anything()
				got[ev.name+" "+strings.ReplaceAll(ev.data, `"$ts":1700000000000,`, "")] = true
			}
			for _, want := range []string{
				`record {"topic":"t","records":[{"$seq":2,"data":2}],"from_seq":1,"to_seq":2,"head_seq":2}`,
				`record {"topic":"p:old","records":[{"$seq":2,"data":2}],"from_seq":1,"to_seq":2,"head_seq":2}`,
				`record {"topic":"p:made","records":[{"$seq":1,"data":1},{"$seq":2,"data":2}],"from_seq":0,"to_seq":2,"head_seq":2}`,
				`topic-deleted {"topic":"p:gone","head_seq":1,"reason":"deleted"}`,
			} {
				if !got[want] {
					t.Errorf("no %s among %v", want, got)
				}
			}
			c.hangUp()
		}
		encode := func(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }
		c = s.follow("topic=t", "Last-Event-ID", encode(`{"t":9,"another":4}`))
		c.want("tombstone", `"reason":"recreated","gap_from":1,"gap_to":2`)
		c.hangUp()
		for _, id := range []string{`{"$1":0}`, `{"t":-1}`, `{"t":`, `{"p:\n\ndata: x":1}`} {
			if a := s.send("GET /v0/watch?"+query, "", "Last-Event-ID", encode(id)); a.status != 400 || a.differs(badField("Last-Event-ID")) != "" {
				t.Errorf("%s: %d %s", id, a.status, a.body)
			}
		}
	})
}
