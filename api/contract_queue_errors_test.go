package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/queue"
)

// jobRefusal is a call on jobs that is refused, over HTTP and over a WebSocket alike.
type jobRefusal struct {
	call   string
	topic  string
	body   string // a JSON object
	status int
	code   string
	detail string // JSON, or empty
}

// fault is the members of the error that have to be there.
func (r *jobRefusal) fault() string {
	b := fmt.Sprintf(`"code":%q`, r.code)
	if r.detail != "" {
		b += `,"detail":` + r.detail
	}
	return b
}

func (r *jobRefusal) want() string { return `{"error":{` + r.fault() + `}}` }

// jobRefusals are those of the calls that there are over HTTP and over a WebSocket. q
// is a queue with nothing in it, log is none, and none is not there; a claim takes at
// most three jobs.
func jobRefusals() (all []jobRefusal) {
	add := func(call, body, code, detail string) {
		all = append(all, jobRefusal{call, "q", body, 400, code, detail})
	}
	field := func(call, body, name string) { add(call, body, "invalid_request", fmt.Sprintf(`{"field":%q}`, name)) }
	for _, call := range []string{"claim", "ack", "nack", "extend"} {
		const body = `{"node":"w","seqs":[1]}`
		all = append(all,
			jobRefusal{call, "log", body, 409, "not_a_queue", `{"topic":"log"}`}, jobRefusal{call, "none", body, 404, "topic_not_found", `{"topic":"none"}`},
			jobRefusal{call, "-", body, 400, "invalid_request", ""})
		for _, node := range []string{``, `"node":"",`, `"node":null,`, `"node":"` + strings.Repeat("x", 129) + `",`, `"node":1,`} {
			field(call, `{`+node+`"seqs":[1]}`, "node")
		}
	}
	for _, call := range []string{"ack", "nack", "extend"} {
		for _, seqs := range []string{``, `,"seqs":null`, `,"seqs":{}`, `,"seqs":[-1]`, `,"seqs":[1.5]`, `,"seqs":["1"]`, `,"seqs":[18446744073709551616]`} {
			field(call, `{"node":"w"`+seqs+`}`, "seqs")
		}
		add(call, `{"node":"w","seqs":[1,2,3,4]}`, "batch_too_large", `{"field":"seqs","max":3}`)
		field(call, `{"node":"w","seqs":[1,2],"lease_ids":["lease_1"]}`, "lease_ids")
		field(call, `{"node":"w","seqs":[1],"lease_ids":[1]}`, "lease_ids")
	}
	field("claim", `{"node":"w","wait_ms":-1}`, "wait_ms")
	field("claim", `{"node":"w","max":9223372036854775808}`, "max")
	field("claim", `{"node":"w","lease_ms":1.5}`, "lease_ms")
	field("nack", `{"node":"w","seqs":[],"dead":true,"reason":"`+strings.Repeat("x", queue.MaxReasonBytes+1)+`"}`, "reason")
	field("nack", `{"node":"w","seqs":[],"dead":1}`, "dead")
	field("nack", `{"node":"w","seqs":[],"delay_ms":"1"}`, "delay_ms")
	field("extend", `{"node":"w","seqs":[],"lease_ms":"1"}`, "lease_ms")
	then := func(list, name string) { field("ack", `{"node":"w","seqs":[],"then":[`+list+`]}`, name) }
	then(`{"records":[{}]}`, "then[0].topic")
	then(`{"topic":"-","records":[{}]}`, "then[0].topic")
	then(`null`, "then[0]")
	then(`{"topic":"t"}`, "then[0].records")
	then(`{"topic":"t","records":[{"tag":1}]}`, "then[0].records[0].tag")
	then(`{"topic":"t","records":[{}],"config":{"ttl_ms":"x"}}`, "then[0].config.ttl_ms")
	add("ack", `{"node":"w","seqs":[],"then":[`+strings.Repeat(`{"topic":"t","records":[{}]},`, 10)+`{"topic":"t","records":[{}]}]}`, "batch_too_large", "")
	return append(all, jobRefusal{"ack", "q", `{"node":"w","seqs":[1],"then":[{"topic":"t","records":[{}]}]}`, 409, "nothing_acked", ""})
}

// Section 11: the same errors over a WebSocket, and those of a stream, which has no
// query there.
func TestContractSocketJobErrors(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxClaim = 3 }, nil)
	s.put(t, "q", `{"type":"queue"}`)
	s.put(t, "log", `{}`)
	refusals := jobRefusals()
	for _, body := range []string{`{}`, `{"node":""}`, `{"node":null}`, `{"node":1}`, `{"node":"` + strings.Repeat("x", 129) + `"}`} {
		refusals = append(refusals, jobRefusal{"work", "q", body, 400, "invalid_request", `{"field":"node"}`})
	}
	refusals = append(refusals,
		jobRefusal{"work", "q", `{"node":"w","max":"x"}`, 400, "invalid_request", `{"field":"max"}`},
		jobRefusal{"work", "q", `{"node":"w","lease_ms":1.5}`, 400, "invalid_request", `{"field":"lease_ms"}`},
		jobRefusal{"work", "log", `{"node":"w"}`, 409, "not_a_queue", `{"topic":"log"}`},
		jobRefusal{"work", "none", `{"node":"w"}`, 404, "topic_not_found", `{"topic":"none"}`},
		jobRefusal{"work", "-", `{"node":"w"}`, 400, "invalid_request", ""},
		jobRefusal{"stop", "q", `{}`, 400, "invalid_request", ""})
	c := s.dial(t)
	for i, r := range refusals {
		message := fmt.Sprintf(`{"op":%q,"request_id":%d,"topic":%q`, r.call, i, r.topic)
		if r.body != "{}" {
			message += "," + r.body[1:]
		} else {
			message += "}"
		}
		c.say("%s", message)
		m := c.want("error")
		if d := (&answer{body: []byte(m.raw)}).differs(fmt.Sprintf(`{"request_id":%d,%s}`, i, r.fault())); d != "" {
			t.Errorf("%.120s: %s, %s", message, m.raw, d)
		}
	}
	c.say(`{"op":"ping"}`) // the socket goes on
	c.want("pong")
	if _, err := s.registry.State("t", false); err == nil {
		t.Error("a refused call made a topic")
	}
}

// Section 11, every error of every route of queues.
func TestContractQueueErrors(t *testing.T) {
	overBoth(t, func(o *Options) { o.Limits.MaxClaim = 3 }, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.walk(step{"PUT /v0/topics/log", `{}`, 201, ``})
		calls := map[string]string{
			"claim": `{"node":"w"}`, "ack": `{"node":"w","seqs":[1]}`, "nack": `{"node":"w","seqs":[1]}`,
			"extend": `{"node":"w","seqs":[1]}`, "promote": `{"seqs":[1]}`, "release": `{"seqs":[1]}`, "redrive": `{}`,
		}
		for call, body := range calls {
			for topic, want := range map[string]step{
				"q": {"", "", 200, ""}, "log": {"", "", 409, refusal("not_a_queue")},
				"none": {"", "", 404, refusal("topic_not_found")}, "-": {"", "", 400, refusal("invalid_request")},
			} {
				a := s.send("POST /v0/topics/"+topic+"/"+call, body, "X-Confirm", "true")
				if a.status != want.status || want.want != "" && a.differs(want.want) != "" {
					t.Errorf("%s of %s: %d %s", call, topic, a.status, a.body)
				}
			}
			a := s.send("POST /v0/topics/q/"+call, `{"node":"w","seqs":{}}`, "X-Confirm", "true")
			if call != "claim" && (a.status != 400 || a.differs(badField("seqs")) != "") {
				t.Errorf("%s of an object: %d %s", call, a.status, a.body)
			}
			if a := s.send("GET /v0/topics/q/"+call, ""); a.status != 405 || a.header.Get("Allow") != "POST, OPTIONS" {
				t.Errorf("GET of %s: %d", call, a.status)
			}
			confirmed := call == "release" || call == "redrive"
			if a := s.send("POST /v0/topics/q/"+call, body); (a.status == 400) != confirmed {
				t.Errorf("%s without a confirmation: %d %s", call, a.status, a.body)
			}
			if a := s.send("POST /v0/topics/q/"+call, body, "X-Confirm", "true", "Content-Type", "text/plain"); a.status != 415 {
				t.Errorf("%s as text: %d %s", call, a.status, a.body)
			}
		}
		for _, r := range jobRefusals() {
			s.walk(step{"POST /v0/topics/" + r.topic + "/" + r.call, r.body, r.status, r.want()})
		}
		s.walk(
			step{"POST /v0/topics/q/nack?strict=1", `{"node":"w","seqs":[],"reason":"why"}`, 400, badField("reason")},
			step{"GET /v0/topics/t", ``, 404, ``},
		)
		for _, call := range []string{"ack", "nack", "extend"} {
			s.walk(step{"POST /v0/topics/q/" + call, `{"node":"w","seqs":[]}`, 200, `{"skipped":[],"reasons":{}}`})
		}
		for _, list := range []string{"jobs", "inflight", "dead-letters"} {
			s.walk(
				step{"GET /v0/topics/log/" + list, ``, 409, refusal("not_a_queue")},
				step{"GET /v0/topics/none/" + list, ``, 404, refusal("topic_not_found")},
				step{"GET /v0/topics/q/" + list + "?limit=0", ``, 400, badField("limit")},
				step{"GET /v0/topics/q/" + list + "?limit=x", ``, 400, badField("limit")},
				step{"GET /v0/topics/q/" + list + "?cursor=x", ``, 400, badField("cursor")},
				step{"GET /v0/topics/q/" + list, ``, 200, ``},
			)
		}
		s.walk(step{"GET /v0/topics/q/jobs?state=late", ``, 400, badField("state")})
		for _, tc := range []struct {
			query, accept string
			status        int
			want          string
		}{
			{"", "", 400, badField("node")}, {"?node=", "", 400, badField("node")}, {"?node=" + strings.Repeat("x", 129), "", 400, badField("node")},
			{"?node=w&max=x", "", 400, badField("max")}, {"?node=w&lease_ms=1.5", "", 400, badField("lease_ms")}, {"?node=w", "text/html", 406, refusal("not_acceptable")},
			{"?node=w&strict=1&mac=2", "", 400, badField("mac")},
		} {
			a := s.send("GET /v0/topics/q/work"+tc.query, "", "Accept", tc.accept)
			if a.status != tc.status || a.differs(tc.want) != "" {
				t.Errorf("work%s: %d %s", tc.query, a.status, a.body)
			}
		}
		s.walk(
			step{"GET /v0/topics/log/work?node=w", ``, 409, refusal("not_a_queue")},
			step{"GET /v0/topics/none/work?node=w", ``, 404, refusal("topic_not_found")},
			step{"HEAD /v0/topics/log/work?node=w", ``, 409, ``},
			step{"HEAD /v0/topics/q/work?node=w", ``, 200, ``},
		)
	})
}
