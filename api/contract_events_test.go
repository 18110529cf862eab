package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/call"
)

// The media types of events.
const (
	oneEvent  = "application/cloudevents+json"
	manyEvent = "application/cloudevents-batch+json"
)

// Section 13: events in structured form, in batches and in binary mode.
func TestContractCloudEvents(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const path = "POST /v0/topics/e/events"
		const first = `{"specversion":"1.0", "id":"1","source":"/s","type":"t.one","subject":"x","time":"2026-01-31T12:30:00.5Z","n":7,"ok":true,"data":{"a" :1.0}}`
		want := func(a *answer, status int, body string) {
			t.Helper()
			if d := a.differs(body); a.status != status || d != "" {
				t.Errorf("%d %s: %s", a.status, a.body, d)
			}
		}
		want(s.send(path, " "+first+"\n", "Content-Type", oneEvent+"; charset=utf-8"), 202,
			`{"topic":"e","first_seq":1,"last_seq":1,"seqs":[1],"head_seq":1,"count":1,"created":true,"deduped":false}`)
		want(s.send(path, first, "Content-Type", oneEvent), 202, `{"first_seq":1,"seqs":[1],"head_seq":1,"deduped":true,"created":false}`)
		// In binary mode: JSON stays, all else is base64; values may be quoted and percent-encoded.
		binary := func(id string, header ...string) []string {
			return append([]string{"ce-specversion", "1.0", "ce-id", id, "ce-source", "/s", "ce-type", "t.two"}, header...)
		}
		want(s.send(path, `{"b": 2}`, binary("2", "Content-Type", "application/json", "ce-other", `"a %e2%82%ac\" b"`)...), 202, `{"first_seq":2}`)
		want(s.send(path, "plain", binary("3", "Content-Type", "text/plain")...), 202, `{"first_seq":3}`)
		want(s.send(path, "", binary("4")...), 202, `{"first_seq":4}`)
		want(s.send(path, `[1]`, binary("5", "Content-Type", "application/vnd.x+json; charset=UTF-8")...), 202, `{"first_seq":5}`)
		// A batch, of which two events were there before: one above, and one of itself.
		batch := `[` + first + `,{"specversion":"1.0","id":"6","source":"/s","type":"t","data_base64":"AQI=","x":null},` +
			`{"specversion":"1.0","id":"6","source":"/s","type":"t"},{"specversion":"1.0","id":"6","source":"/other","type":"t","data":null}]`
		want(s.send(path, batch, "Content-Type", manyEvent), 202,
			`{"first_seq":6,"last_seq":7,"seqs":[1,6,6,7],"deduped_seqs":[1,6],"head_seq":7,"count":4,"deduped":false,"created":false}`)
		want(s.send(path+"?return_seqs=false", batch, "Content-Type", manyEvent), 202, `{"first_seq":1,"last_seq":7,"seqs":"(absent)","deduped":true}`)
		events := []string{
			first,
			`{"specversion":"1.0","id":"2","source":"/s","type":"t.two","other":"a €\" b","datacontenttype":"application/json","data":{"b": 2}}`,
			`{"specversion":"1.0","id":"3","source":"/s","type":"t.two","datacontenttype":"text/plain","data_base64":"cGxhaW4="}`,
			`{"specversion":"1.0","id":"4","source":"/s","type":"t.two"}`,
			`{"specversion":"1.0","id":"5","source":"/s","type":"t.two","datacontenttype":"application/vnd.x+json; charset=UTF-8","data":[1]}`,
			`{"specversion":"1.0","id":"6","source":"/s","type":"t","data_base64":"AQI=","x":null}`,
			`{"specversion":"1.0","id":"6","source":"/other","type":"t","data":null}`,
		}
		// Reads and watches have them as they came, with the type as tag and the source as node.
		a := s.send("GET /v0/topics/e/diff?include_tags=true", "")
		for i, event := range events {
			node, tag := "/s", []string{"t.one", "t.two", "t.two", "t.two", "t.two", "t", "t"}[i]
			if i == 6 {
				node = "/other"
			}
			if record := fmt.Sprintf(`{"$seq":%d,"$ts":1700000000000,"$node":"%s","$tag":"%s","data":%s}`, i+1, node, tag, event); !strings.Contains(string(a.body), record) {
				t.Errorf("no %s in %s", record, a.body)
			}
		}
		c := s.follow("topic=e&from_seq=0&match=t.two&limit=1")
		c.want("record", `"data":`+events[1]+`}`)
		c.hangUp()
		// As a batch, if that is asked for.
		for _, ask := range []string{"GET /v0/topics/e/diff", "POST /v0/topics/e/diff"} {
			a := s.send(ask, "", "Accept", manyEvent+", application/json;q=0.5")
			if got, want := string(a.body), "["+strings.Join(events, ",")+"]"; a.status != 200 || got != want || a.header.Get("Content-Type") != manyEvent {
				t.Errorf("%d %v\n%s\nwant\n%s", a.status, a.header, got, want)
			}
			for name, want := range map[string]string{call.NextFromHeader: "7", call.HeadHeader: "7", call.EarliestHeader: "1", call.CaughtUpHeader: "true"} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
		}
		a = s.send("GET /v0/topics/e/diff?from_seq=2&limit=1", "", "Accept", manyEvent)
		if string(a.body) != "["+events[2]+"]" || a.header.Get(call.NextFromHeader) != "3" || a.header.Get(call.CaughtUpHeader) != "false" {
			t.Errorf("%v %s", a.header, a.body)
		}
		if a := s.send("GET /v0/topics/e/diff?from_seq=7", "", "Accept", manyEvent); string(a.body) != "[]" {
			t.Errorf("%s", a.body)
		}
		for _, accept := range []string{"*/*", "application/json", "application/json, " + manyEvent, oneEvent} {
			if a := s.send("GET /v0/topics/e/diff", "", "Accept", accept); a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %v", accept, a.header)
			}
		}
	})
}

// Section 13, and CloudEvents 1.0: source and id are those of one event only. A loss has
// the same id each time that it is read; that of the same seqs in a topic that was made
// again, or for another reason, has another.
func TestContractCloudEventsLostOnce(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		lost := func(from int) string {
			t.Helper()
			a := s.send(fmt.Sprintf("GET /v0/topics/e/diff?from_seq=%d", from), "", "Accept", manyEvent)
			var events []struct{ ID, Source, Type string }
			if err := json.Unmarshal(a.body, &events); err != nil || len(events) == 0 || events[0].Type != "topics.tombstone" {
				t.Fatalf("%v %d %s", err, a.status, a.body)
			}
			return events[0].Source + " " + events[0].ID
		}
		sent := 0
		fill := func(n int) {
			for range n {
				sent++
				s.send("POST /v0/topics/e/events", "", "ce-specversion", "1.0", "ce-id", fmt.Sprint(sent), "ce-source", "s", "ce-type", "t")
			}
		}
		s.walk(step{"PUT /v0/topics/e", `{"cap_records":2}`, 201, ``})
		fill(4)
		first := lost(0)
		if again := lost(0); again != first {
			t.Errorf("the same loss is %s and %s", first, again)
		}
		s.walk(step{"DELETE /v0/topics/e", ``, 200, ``}, step{"PUT /v0/topics/e", `{"cap_records":2}`, 201, ``})
		fill(2)
		recreated := lost(4)
		fill(2)
		second := lost(0)
		if first == second || first == recreated || second == recreated {
			t.Errorf("three losses of seqs 1 to 2 are %s, %s and %s", first, recreated, second)
		}
	})
}

// Section 13 and section 6: a loss is an event of its own, and what is no event is
// not passed off as one.
func TestContractCloudEventsLost(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/e", `{"cap_records":2}`, 201, ``})
		for i := range 4 {
			s.send("POST /v0/topics/e/events", "", "ce-specversion", "1.0", "ce-id", fmt.Sprint(i), "ce-source", "s", "ce-type", "t")
		}
		a := s.send("GET /v0/topics/e/diff", "", "Accept", manyEvent)
		if want := `","source":"/v0/topics/e","type":"topics.tombstone","datacontenttype":"application/json","data":` +
			`{"gap_from":1,"gap_to":2,"reason":"cap",`; !strings.HasPrefix(string(a.body), `[{"specversion":"1.0","id":"`) || !strings.Contains(string(a.body), `-1-2-cap`+want) || !strings.HasSuffix(string(a.body), `"id":"3","source":"s","type":"t"}]`) {
			t.Errorf("%s", a.body)
		}
		s.walk(step{"POST /v0/topics/e", `{"records":[{"data":{"specversion":"1.0","id":"1","source":"s"}}]}`, 200, ``})
		a = s.send("GET /v0/topics/e/diff?from_seq=3", "", "Accept", manyEvent)
		if !strings.Contains(string(a.body), `"id":"3"`) || a.header.Get(call.NextFromHeader) != "4" || a.header.Get(call.CaughtUpHeader) != "false" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
		if a := s.send("GET /v0/topics/e/diff?from_seq=4", "", "Accept", manyEvent); a.status != 406 ||
			a.differs(`{"error":{"code":"not_acceptable","detail":{"topic":"e","seq":5}}}`) != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.walk(step{"POST /v0/topics/e", `{"records":[{"data":` + strings.Repeat(" ", 3) + `{"specversion":"1.0","id":"1","source":"s","type":"t"}}]}`, 200, ``})
		if a := s.send("GET /v0/topics/e/diff?from_seq=5", "", "Accept", manyEvent); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// Section 13: what is refused, with the attribute's name.
func TestContractCloudEventsRefused(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const path = "POST /v0/topics/e/events"
		event := func(more string) string { return `{"specversion":"1.0","id":"1","source":"s","type":"t"` + more + `}` }
		for body, field := range map[string]string{
			`{}`: "specversion", `{"specversion":"1.0"}`: "id", `{"specversion":"1.0","id":"1"}`: "source", `{"specversion":"1.0","id":"1","source":"s"}`: "type",
			`{"specversion":"1.0","id":null,"source":"s","type":"t"}`: "id", `{"specversion":"0.3","id":"1","source":"s","type":"t"}`: "specversion",
			event(`,"id":"2"`): "id", event(`,"subject":""`): "subject", event(`,"time":"yesterday"`): "time", event(`,"time":"2026-01-31T12:30:00,5Z"`): "time", event(`,"time":"2026-01-31T1:30:00Z"`): "time",
			event(`,"time":"2026-01-31 12:30:00Z"`): "time", event(`,"time":"2026-01-31T12:30:00+24:00"`): "time", event(`,"time":"2026-02-30T12:30:00Z"`): "time", event(`,"subject":"\uffff"`): "subject", event(`,"x":"\ufdd0"`): "x", event(`,"x":"\udbff\udfff"`): "x",
			event(`,"x":"\ud800"`): "x", event(`,"dataschema":"%zz"`): "dataschema",
			event(`,"datacontenttype":"/"`): "datacontenttype", event(`,"subject":"a\u0007"`): "subject", event(`,"subject":7`): "subject",
			event(`,"Upper":"x"`): "Upper", event(`,"a_b":"x"`): "a_b", event(`,"x":{}`): "x", event(`,"x":[1]`): "x", event(`,"x":1.5`): "x", event(`,"x":2147483648`): "x",
			event(`,"data":1,"data_base64":"AQI="`): "data_base64", event(`,"data_base64":"A"`): "data_base64", event(`,"data_base64":"AQ==AQ=="`): "data_base64", event(`,"data_base64":1`): "data_base64",
			`{"specversion":"1.0","id":"1","source":"` + strings.Repeat("s", 129) + `","type":"t"}`: "source",
			`{"specversion":"1.0","id":"1","source":"s","type":"` + strings.Repeat("t", 257) + `"}`: "type",
		} {
			if a := s.send(path, body, "Content-Type", oneEvent); a.status != 400 || a.differs(badField(field)) != "" {
				t.Errorf("%.100s: %d %s", body, a.status, a.body)
			}
			if a := s.send(path, "["+event("")+","+body+"]", "Content-Type", manyEvent); a.status != 400 || a.differs(badField("[1]."+field)) != "" {
				t.Errorf("%.100s in a batch: %d %s", body, a.status, a.body)
			}
		}
		for body, code := range map[string]string{`[]`: "invalid_request", `{`: "invalid_request", `[{]`: "invalid_request", `7`: "invalid_request",
			`[` + event("") + `]]`: "invalid_request", strings.Repeat("[", 200): "invalid_request",
			`[` + event(`,"data":"`+strings.Repeat("x", 1<<20)+`"`) + `]`: "record_too_large"} {
			if a := s.send(path, body, "Content-Type", manyEvent); a.status != 400 || a.differs(refusal(code)) != "" {
				t.Errorf("%.50s: %d %.300s", body, a.status, a.body)
			}
		}
		for _, tc := range []struct {
			header []string
			field  string
		}{
			{nil, "ce-specversion"}, {[]string{"ce-specversion", "1.0"}, "ce-id"}, {[]string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "s"}, "ce-type"},
			{[]string{"ce-specversion", "1.0", "ce-id", "%ff", "ce-source", "s", "ce-type", "t"}, "ce-id"},
			{[]string{"ce-specversion", "1.0", "ce-id", "%0a", "ce-source", "s", "ce-type", "t"}, "ce-id"},
			{[]string{"ce-specversion", "1.0", "ce-id", "", "ce-source", "s", "ce-type", "t"}, "ce-id"},
			{[]string{"ce-data", "1"}, "ce-data"}, {[]string{"ce-a-b", "1"}, "ce-a-b"}, {[]string{"ce-datacontenttype", "text/plain"}, "ce-datacontenttype"},
		} {
			if a := s.send(path, "{}", tc.header...); a.status != 400 || a.differs(badField(tc.field)) != "" {
				t.Errorf("%v: %d %s", tc.header, a.status, a.body)
			}
		}
		whole := []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-type", "t"}
		if a := s.send(path, "{", whole...); a.status != 400 {
			t.Errorf("%d %s", a.status, a.body)
		}
		for _, media := range []string{"", "application/cloudevents+xml", "application/cloudevents", "a/"} {
			if a := s.send(path, "{}", append(whole, "Content-Type", media)...); a.status != 415 {
				t.Errorf("%q: %d %s", media, a.status, a.body)
			}
		}
		s.walk(step{"GET /v0/topics/e", ``, 404, ``}, step{"PUT /v0/topics/full", `{"cap_records":2,"discard":"reject"}`, 201, ``},
			step{"POST /v0/topics/a%2Fb/events", `{}`, 400, refusal("invalid_request")})
		// Of a batch that fails in the middle, what is before stays, and the error says so.
		var batch []string
		for i := range 4 {
			batch = append(batch, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"s","type":"t"}`, i))
		}
		for range 2 {
			if a := s.send("POST /v0/topics/full/events", "["+strings.Join(batch, ",")+"]", "Content-Type", manyEvent); a.status != 422 ||
				a.differs(`{"error":{"code":"topic_full","detail":{"written":2,"cap_records":2}}}`) != "" {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		s.walk(step{"GET /v0/topics/full", ``, 200, `{"head_seq":2}`})
	})
}
