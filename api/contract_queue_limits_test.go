package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Section 11: a group has at most 128 bytes and a unique key 256, of UTF-8, over HTTP and over a WebSocket. One
// byte more refuses the whole write.
func TestContractJobFieldLimits(t *testing.T) {
	fields := []struct {
		name string
		most int
	}{{"group", 128}, {"unique_key", 256}}
	texts := func(bytes int) []string {
		return []string{strings.Repeat("x", bytes), strings.Repeat("x", bytes-2) + "é", strings.Repeat(`\u0000`, bytes)}
	}
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		for _, f := range fields {
			for _, text := range texts(f.most + 1) {
				s.walk(step{"POST /v0/topics/q", fmt.Sprintf(`{"records":[{},{%q:"%s"}]}`, f.name, text), 400, badField("records[1]." + f.name)})
			}
			for _, text := range texts(f.most) {
				s.walk(step{"POST /v0/topics/q", fmt.Sprintf(`{"records":[{%q:"%s"}]}`, f.name, text), 200, ``})
				if a := s.send("POST /v0/topics/q/claim", `{"node":"w"}`); !hasField(a, f.name, f.most) {
					t.Errorf("%s of %d bytes: %s", f.name, f.most, a.body)
				}
			}
		}
	})
	real := serveReal(t, nil, nil)
	real.put(t, "q", `{"type":"queue"}`)
	c := real.dial(t)
	for _, f := range fields {
		for _, text := range texts(f.most + 1) {
			c.say(`{"op":"publish","topic":"q","records":[{},{%q:"%s"}]}`, f.name, text)
			m := c.want("error")
			if d := (&answer{body: []byte(m.raw)}).differs(fmt.Sprintf(`{"code":"invalid_request","detail":{"field":"records[1].%s"}}`, f.name)); d != "" {
				t.Errorf("%s of %d bytes: %s in %s", f.name, f.most+1, d, m.raw)
			}
		}
		for _, text := range texts(f.most) {
			c.say(`{"op":"publish","topic":"q","records":[{%q:"%s"}]}`, f.name, text)
			c.want("ack")
			c.say(`{"op":"claim","topic":"q","node":"w"}`)
			m := c.want("claimed")
			if !hasField(&answer{body: []byte(m.raw)}, f.name, f.most) {
				t.Errorf("%s of %d bytes: %s", f.name, f.most, m.raw)
			}
		}
	}
	if st, err := real.registry.State("q", false); err != nil || st.Count != 6 {
		t.Errorf("%+v, %v", st, err)
	}
}

// hasField reports whether an answer has one job, whose group or unique key has so many bytes.
func hasField(a *answer, name string, bytes int) bool {
	got := a.claimed()
	return len(got) == 1 && len(map[string]string{"group": got[0].Group, "unique_key": got[0].Key}[name]) == bytes
}

// G19: once the log is read-only, each call on jobs is refused, over HTTP and over a WebSocket, and has done nothing;
// what only reads goes on.
func TestContractReadOnlyQueue(t *testing.T) {
	var disk *crashfs.FS
	for _, durable := range []string{"false", "true"} {
		overBoth(t, nil, func(t *testing.T, s *contractServer) {
			s.queue("q", `"durability":"fsync","max_deliveries":1,"dead_letter":"dead","leases_durable":`+durable)
			s.enqueue("q", "", "", "", `"delay_ms":60000`, "")
			s.claims("q", `{"node":"w","max":3}`, 1, 2, 3)
			s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[3],"dead":true}`, 200, `{"nacked":1}`})
			c := s.dial(t)
			disk.FailSync("0000000000000001.wal", 1) // the one that is written to
			s.spoilt = true
			s.walk(step{"POST /v0/topics/q", `{"records":[{"data":1}]}`, 503, refusal("storage_unavailable")})
			for _, call := range []string{
				"claim " + `{"node":"w"}`, "claim " + `{"node":"w","wait_ms":60000}`, "ack " + `{"node":"w","seqs":[1]}`,
				"ack " + `{"node":"w","seqs":[1],"then":[{"topic":"next","records":[{"data":1}]}]}`, "nack " + `{"node":"w","seqs":[1]}`,
				"nack " + `{"node":"w","seqs":[1],"dead":true}`, "extend " + `{"node":"w","seqs":[1],"lease_ms":1000}`,
			} {
				op, body, _ := strings.Cut(call, " ")
				s.walk(step{"POST /v0/topics/q/" + op, body, 503, refusal("storage_unavailable")})
				c.say(`{"op":%q,"request_id":7,"topic":"q",%s`, op, body[1:])
				if m := c.want("error"); m.Code != "storage_unavailable" || string(m.ID) != "7" {
					t.Errorf("%s: %s", call, m.raw)
				}
			}
			c.say(`{"op":"work","topic":"q","node":"w"}`)
			if m := c.want("error"); m.Code != "storage_unavailable" {
				t.Errorf("work: %s", m.raw)
			}
			for _, call := range []string{
				"POST /v0/topics/q/release " + `{"seqs":[1]}`, "POST /v0/topics/q/promote " + `{"seqs":[4]}`, "POST /v0/topics/q/redrive " + `{}`,
				"POST /v0/topics/q/dead-letters/1/replay ", "DELETE /v0/topics/q/dead-letters/1 ", "DELETE /v0/topics/q/dead-letters ",
			} {
				at := strings.LastIndexByte(call, ' ')
				a := s.send(call[:at], call[at+1:], "X-Confirm", "true")
				if a.status != 503 || a.differs(refusal("storage_unavailable")) != "" {
					t.Errorf("%s: %d %s", call, a.status, a.body)
				}
			}
			s.counts("q", 1, 0, 1, 2)
			if a := s.send("GET /v0/topics/q/dead-letters", ""); !strings.Contains(string(a.body), `"dead_letters":[{"$seq":1,"source_seq":3,`) {
				t.Errorf("dead letters: %s", a.body)
			}
			s.walk(
				step{"GET /v0/topics/q/work?node=w", ``, 503, refusal("storage_unavailable")},
				step{"GET /v0/topics/next", ``, 404, ``},
			)
		}, onADisk(&disk))
	}
}
