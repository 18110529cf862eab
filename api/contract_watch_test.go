package api

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
)

// stream opens the stream of a watch.
func (s *contractServer) stream(watch string, header ...string) *sseClient {
	s.t.Helper()
	return openStream(s.t, s.client, s.newWatch(s.t, watch), 200, header...).opening()
}

// Section 9, POST /v0/watch.
func TestContractWatch(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for _, topic := range []string{"orders", "alerts", "tenant42:a", "tenant42:b", "tenant43"} {
			s.walk(step{"POST /v0/topics/" + topic, `{"records":[{},{},{}]}`, 201, ``})
		}
		s.walk(step{"POST /v0/topics/orders/delete", `{"before_seq":2}`, 200, ``})
		a := s.send("POST /v0/watch", `{"topics":{"orders":{"from_seq":0},"alerts":{"tail":true}},"prefixes":{"tenant42:":{"tail":true}},"node":"n","match":"x*",
			"limit":256,"max_batch_bytes":262144,"heartbeat_ms":15000,"include_meta":true,"include_tags":false,"include_data":true,"consistency":"eventual"}`)
		wid := a.text("wid")
		if d := a.differs(`{"stream_url":"/v0/watch/` + wid + `","session_ttl_ms":300000,"topics":{"orders":{"from_seq":0,"head_seq":3,"earliest_seq":2},
			"alerts":{"from_seq":3,"head_seq":3,"earliest_seq":1},"tenant42:a":{"from_seq":3,"head_seq":3,"earliest_seq":1},"tenant42:b":{"from_seq":3},"tenant43":"(absent)"}}`); a.status != 200 || d != "" {
			t.Errorf("%d %s: %s", a.status, a.body, d)
		}
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(wid, "wid_"))
		if !regexp.MustCompile(`^wid_[A-Za-z0-9_-]{22}$`).MatchString(wid) || err != nil || len(raw) != 16 || wid == s.send("POST /v0/watch", `{"topics":{"orders":{}}}`).text("wid") {
			t.Errorf("wid %s: %d bytes, %v", wid, len(raw), err)
		}
		var most []string
		for i := range 256 {
			most = append(most, fmt.Sprintf(`"t%d":{}`, i))
		}
		s.walk(
			step{"POST /v0/watch", ``, 400, refusal("invalid_request")}, step{"POST /v0/watch", `{}`, 400, refusal("invalid_request")},
			step{"POST /v0/watch", `{"topics":{},"prefixes":{}}`, 400, refusal("invalid_request")},
			step{"POST /v0/watch", `{"topics":{"orders":{},"none":{}}}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"POST /v0/watch?lenient=true", `{"topics":{"orders":{},"none":{}}}`, 200, `{"topics":{"orders":{"from_seq":0},"none":"(absent)"}}`},
			step{"POST /v0/watch?lenient=false", `{"topics":{"none":{}}}`, 404, ``}, step{"GET /v0/topics/none", ``, 404, ``},
			step{"POST /v0/watch", `{"prefixes":{"nobody":{}}}`, 200, `{"topics":{}}`},
			step{"POST /v0/watch?lenient=1", `{"topics":{` + strings.Join(most, ",") + `}}`, 200, ``},
			step{"POST /v0/watch?lenient=1", `{"topics":{"x":{},` + strings.Join(most, ",") + `}}`, 400, badField("topics")},
			step{"POST /v0/watch", `{"topics":{"orders":{"from_seq":18446744073709551615}}}`, 200, `{"topics":{"orders":{"from_seq":18446744073709551615}}}`},
			step{"GET /v0/watch/" + wid + "x", ``, 404, refusal("not_found")}, step{"GET /v0/watch/none", ``, 404, refusal("not_found")}, step{"HEAD /v0/watch/none", ``, 404, ``},
		)
	})
}

// Section 9, the stream's events.
func TestContractStream(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1,"tag":"x","node":"n","meta":{"m" :1}},{"data":2}],"config":{"cap_records":3}}`, 201, ``})
		c := s.stream(`{"topics":{"t":{}},"prefixes":{"p:":{"tail":true}}}`, "Accept", "text/event-stream", "Accept-Encoding", "gzip")
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "",
		} {
			if got := c.resp.Header.Get(name); got != want {
				t.Errorf("%s is %q", name, got)
			}
		}
		want := func(event, data, cursors string) {
			t.Helper()
			ev := c.want(event, "")
			id, err := base64.RawURLEncoding.DecodeString(ev.id)
			if ev.data != data || err != nil || (&answer{body: id}).differs(cursors) != "" {
				t.Errorf("%s %s, id %s, %v\nwant %s, id %s", ev.name, ev.data, id, err, data, cursors)
			}
		}
		want("record", `{"topic":"t","records":[{"$seq":1,"$ts":1700000000000,"$node":"n","data":1,"meta":{"m" :1}},{"$seq":2,"$ts":1700000000000,"data":2}],"from_seq":0,"to_seq":2,"head_seq":2}`, `{"t":2}`)
		want("caught-up", `{"topic":"t","head_seq":2}`, `{"t":2}`)
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":3}]}`, 200, ``})
		want("record", `{"topic":"t","records":[{"$seq":3,"$ts":1700000000000,"data":3}],"from_seq":2,"to_seq":3,"head_seq":3}`, `{"t":3}`)
		want("caught-up", `{"topic":"t","head_seq":3}`, `{"t":3}`) // at every transition
		// A topic that is made later.
		s.walk(step{"POST /v0/topics/p:1", `{"records":[{}]}`, 201, ``})
		want("record", `{"topic":"p:1","records":[{"$seq":1,"$ts":1700000000000,"data":null}],"from_seq":0,"to_seq":1,"head_seq":1}`, `{"t":3,"p:1":1}`)
		want("caught-up", `{"topic":"p:1","head_seq":1}`, `{"t":3,"p:1":1}`)
		s.walk(step{"DELETE /v0/topics/p:1", ``, 200, ``})
		if ev := c.want("topic-deleted", ""); ev.data != `{"topic":"p:1","head_seq":1,"reason":"deleted"}` {
			t.Error(ev.data)
		}
		c.hangUp()
		// A loss found at connect, and none for deletes.
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":4},{"data":5}]}`, 200, ``}, step{"POST /v0/topics/t/delete", `{"before_seq":4}`, 200, ``})
		c = s.stream(`{"topics":{"t":{"from_seq":1}}}`)
		want("tombstone", `{"topic":"t","reason":"from_seq_too_old","gap_from":2,"gap_to":3,"missed_estimate":2,"missed_at_least":2,"earliest_seq":4,"head_seq":5}`, `{"t":3}`)
		c.want("record", `"data":4`)
		c.hangUp()
		s.walk(step{"POST /v0/topics/d", `{"records":[{},{}]}`, 201, ``}, step{"POST /v0/topics/d/delete", `{"before_seq":2}`, 200, ``})
		c = s.stream(`{"topics":{"d":{}}}`)
		c.want("record", `"from_seq":0,"to_seq":2`)
		c.hangUp()
		c = s.stream(`{"topics":{"d":{"from_seq":99}}}`)
		c.want("tombstone", `"reason":"recreated","gap_from":1,"gap_to":2`)
		c.want("caught-up", `"head_seq":2`)
		c.hangUp()
	})
}

// Section 9, the options of a watch.
func TestContractWatchOptions(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1,"tag":"a1","node":"n","meta":{"m":1}},{"data":2,"tag":"b"},{"data":3,"tag":"a2","node":"k"}]}`, 201, ``})
		record := func(seq int, rest string) string { return fmt.Sprintf(`{"$seq":%d,"$ts":1700000000000,%s}`, seq, rest) }
		for options, want := range map[string][]string{
			``:                               {record(1, `"$node":"n","data":1,"meta":{"m":1}`) + "," + record(2, `"data":2`) + "," + record(3, `"$node":"k","data":3`)},
			`"include_meta":false,`:          {record(1, `"$node":"n","data":1`) + "," + record(2, `"data":2`) + "," + record(3, `"$node":"k","data":3`)},
			`"include_tags":true,"limit":1,`: {record(1, `"$node":"n","$tag":"a1","data":1,"meta":{"m":1}`), record(2, `"$tag":"b","data":2`), record(3, `"$node":"k","$tag":"a2","data":3`)},
			`"max_batch_bytes":1,`:           {record(1, `"$node":"n","data":1,"meta":{"m":1}`), record(2, `"data":2`), record(3, `"$node":"k","data":3`)},
			`"node":"n",`:                    {record(2, `"data":2`) + "," + record(3, `"$node":"k","data":3`)}, `"node":["n","k"],`: {record(2, `"data":2`)},
			`"match":"a*","node":"n",`: {record(3, `"$node":"k","data":3`)}, `"match":["tag","Eq","b"],`: {record(2, `"data":2`)}, `"match":"zz",`: nil,
			`"consistency":"strong","match":"b",`: {record(2, `"data":2`)},
		} {
			c := s.stream(`{` + options + `"topics":{"t":{}}}`)
			for _, records := range want {
				if ev := c.want("record", `"records":[`+records+`]`); ev.id == "" {
					t.Error("no id")
				}
			}
			c.want("caught-up", `"head_seq":3`) // also where all of it was filtered
			c.hangUp()
		}
		c := s.stream(`{"include_data":false,"include_tags":true,"topics":{"t":{"from_seq":1},"u":{}},"topics":{"t":{"from_seq":1}}}`)
		if ev := c.want("record", `"$seq":2,`); strings.Contains(ev.data, `"data"`) {
			t.Error(ev.data)
		}
		c.hangUp()
		c = s.stream(`{"topics":{"t":{"tail":true,"from_seq":0}}}`)
		c.want("caught-up", "")
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":4}]}`, 200, ``})
		c.want("record", `"data":4`)
		c.hangUp()
	})
}

// Section 9: Last-Event-ID may only rewind the session's cursors.
func TestContractLastEventID(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1},{"data":2},{"data":3},{"data":4}]}`, 201, ``})
		id := func(cursors string) string { return base64.RawURLEncoding.EncodeToString([]byte(cursors)) }
		for _, tc := range []struct {
			cursors string
			from    int
		}{{`{"t":4}`, 2}, {`{"t":18446744073709551615}`, 2}, {`{"t":2}`, 2}, {`{"t":1}`, 1}, {`{"t":0}`, 0}} {
			url := s.newWatch(t, `{"topics":{"t":{"from_seq":2}}}`)
			c := openStream(t, s.client, url, 200, "Last-Event-ID", id(tc.cursors)).opening()
			c.want("record", fmt.Sprintf(`"from_seq":%d,"to_seq":4`, tc.from))
			c.want("caught-up", "")
			c.hangUp()
			waitFor(t, func() bool { _, n := s.watches.counts(); return n == 0 })
			// The session's own cursor stands without one.
			c = openStream(t, s.client, url, 200).opening()
			c.want("caught-up", "")
			c.hangUp()
			waitFor(t, func() bool { _, n := s.watches.counts(); return n == 0 })
		}
		url := s.newWatch(t, `{"topics":{"t":{}}}`)
		for _, bad := range []string{"%", "x", id(`[]`), id(`{"t":-1}`), id(`{"t":1`), id(`{"t":"1"}`), id(`{"t":1.5}`), id(`{"t":1} `) + "x"} {
			openStream(t, s.client, url, 400, "Last-Event-ID", bad).hangUp()
		}
		for accept, status := range map[string]int{
			"application/json": 406, "text/html, application/*": 406, "text/event-stream;q=0": 406, "*/*;q=0": 406, "text/*;q=0, */*": 406, "*/*": 200, "text/*": 200, "text/event-stream": 200,
		} {
			openStream(t, s.client, url, status, "Accept", accept).hangUp()
		}
	})
}

// Section 9: strong delivers only what is synced to disk.
func TestContractStrongWatch(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``}, step{"PUT /v0/topics/synced", `{"durable":true}`, 201, ``}, step{"POST /v0/topics/synced", `{"records":[{}]}`, 200, ``},
			step{"POST /v0/topics/t", `{"records":[{"data":1}]}`, 200, ``}, step{"POST /v0/topics/synced", `{"records":[{}]}`, 200, ``})
		strong, eventual := s.stream(`{"topics":{"t":{"from_seq":1},"synced":{"tail":true}},"consistency":"strong"}`), s.stream(`{"topics":{"t":{"from_seq":1}}}`)
		strong.want("caught-up", "")
		strong.want("caught-up", "")
		eventual.want("caught-up", "")
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":2}]}`, 200, ``})
		eventual.want("record", `"data":2`)
		// A sync of anything behind it brings it, and nothing comes before.
		s.walk(step{"POST /v0/topics/synced", `{"records":[{"data":"sync"}]}`, 200, ``})
		seen := ""
		for range 4 {
			ev, err := strong.next()
			if err != nil {
				t.Fatal(err)
			}
			seen += ev.name + " "
		}
		if strings.Count(seen, "record") != 2 || strings.Count(seen, "caught-up") != 2 {
			t.Error(seen)
		}
		strong.hangUp()
		eventual.hangUp()
	}, func(o *recovery.Options) { o.WAL.DiskSync = time.Hour })
}
