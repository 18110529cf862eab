package api

import (
	"fmt"
	"strings"
	"testing"
)

// G12: a queue with a cap and discard "old", and a delay beyond ttl_ms, are warned of.
// A strict client gets the warning, too, and no error: it is done.
func TestContractQueueWarnings(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const evicts, expires = `has a cap and discard \"old\"`, `expires before`
		s.walk(step{"PUT /v0/topics/t", `{"type":"queue","ttl_ms":1000}`, 201, ``})
		now := s.clock.Load()
		for _, test := range []struct {
			ask, body string
			status    int
			warning   string // "" for none
		}{
			{"PUT /v0/topics/a", `{"type":"queue","cap_records":5}`, 201, evicts},
			{"PUT /v0/topics/a", `{"type":"queue","cap_records":5}`, 200, evicts},
			{"PATCH /v0/topics/a", `{"discard":"reject"}`, 200, ""},
			{"PATCH /v0/topics/a", `{"discard":"old"}`, 200, evicts},
			{"PATCH /v0/topics/a", `{"cap_records":0}`, 200, ""},
			{"PATCH /v0/topics/a", `{"cap_bytes":500}`, 200, evicts},
			{"PUT /v0/topics/log", `{"cap_records":5}`, 201, ""},
			{"POST /v0/topics/b", `{"records":[{"data":1}],"config":{"type":"queue","cap_records":5}}`, 201, evicts},
			{"POST /v0/topics/b", `{"records":[{"data":1}],"config":{"type":"queue","cap_records":5}}`, 200, ""},
			{"POST /v0/topics/c", `{"records":[{"data":1}],"config":{"type":"log","cap_records":5}}`, 201, ""},
			{"POST /v0/topics/d", `{"records":[{"data":1,"delay_ms":9}],"config":{"type":"queue","ttl_ms":8}}`, 201, `records[0] is due in 9 ms, and ` + expires},
			{"POST /v0/topics/t", `{"records":[{"data":1},{"data":1,"delay_ms":1001}]}`, 200, `records[1] is due in 1001 ms, and expires before: the ttl_ms of the queue is 1000`},
			{"POST /v0/topics/t", `{"records":[{"data":1,"delay_ms":1000,"group":"g"}]}`, 200, ""},
			{"POST /v0/topics/t", fmt.Sprintf(`{"records":[{"data":1,"not_before":%d}]}`, now+5000), 200, `records[0] is due in 5000 ms, and ` + expires},
			{"POST /v0/topics/t", fmt.Sprintf(`{"records":[{"data":1,"not_before":%d}]}`, now+500), 200, ""},
		} {
			for _, strict := range []string{"false", "true"} {
				name := "/v0/topics/"
				ask := strings.Replace(test.ask, name, name+strict, 1)
				if strings.HasSuffix(ask, strict+"t") {
					ask = test.ask
				}
				a := s.send(ask, test.body, "X-Strict", strict)
				if has := strings.Contains(string(a.body), `"warnings":["`); a.status != test.status || has != (test.warning != "") || !strings.Contains(string(a.body), test.warning) {
					t.Errorf("%s %s, strict %s: %d %s, want %d %s", ask, test.body, strict, a.status, a.body, test.status, test.warning)
				}
			}
		}
		s.claims("t", `{"node":"w"}`, 1)
		a := s.send("POST /v0/topics/t/ack?strict=1",
			`{"node":"w","seqs":[1],"then":[{"topic":"t","records":[{"data":1,"delay_ms":5000}]},{"topic":"e","records":[{"data":1}],"config":{"type":"queue","cap_records":1}}]}`)
		if a.status != 200 || !strings.Contains(string(a.body), evicts) || !strings.Contains(string(a.body), "then[0].records[0] is due in 5000 ms") {
			t.Errorf("ack with then: %d %s", a.status, a.body)
		}
		s.counts("t", 1, 0, 9, 0)
	})
}

// A socket's publish warns like a write, of a topic that it makes, too.
func TestContractQueueWarningsOfSockets(t *testing.T) {
	c := serveReal(t, nil, nil).dial(t)
	c.say(`{"op":"publish","topic":"a","records":[{"data":1,"delay_ms":20}],"config":{"type":"queue","cap_records":1,"ttl_ms":10}}`)
	if m := c.want("ack"); !strings.Contains(m.raw, "expires before") || !strings.Contains(m.raw, "has a cap and discard") {
		t.Error(m.raw)
	}
}

// The place in an error is the one in the body.
func TestJobFieldPlaces(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		for _, field := range []string{"delay_ms", "not_before", "priority", "group", "unique_key"} {
			body := `{"records":[{"data":1},{"data":1,"` + field + `": [] }]}`
			a := s.send("POST /v0/topics/q", body)
			if want := fmt.Sprintf("at byte %d", strings.Index(body, "[]")); a.status != 400 || !strings.Contains(string(a.body), want) {
				t.Errorf("%s: %d %s, want %s", field, a.status, a.body, want)
			}
		}
	})
}
