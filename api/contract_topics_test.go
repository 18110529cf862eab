package api

import (
	"fmt"
	"strings"
	"testing"
)

// Section 1, the defaults, and what is clamped.
func TestContractConfig(t *testing.T) {
	const defaults = `{"type":"log","ttl_ms":0,"cap_records":0,"cap_bytes":0,"discard":"old","durable":false,"durability":"disk","priority":null,
		"auto_priority":true,"auto_create":true,"idempotency_window_ms":120000,"dedupe_node":true,"lease_ms":30000,"claim_jitter_ms":0,
		"max_deliveries":0,"dead_letter":null,"leases_durable":false,"retry_backoff_ms":0,"retry_backoff_max_ms":3600000,"group_concurrency":1,"paused":false}`
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", `{}`, 201, `{"topic":"t","created":true,"config":` + defaults + `}`},
			step{"PUT /v0/topics/t", ``, 200, `{"created":false,"config":` + defaults + `}`},
			step{"GET /v0/topics/t", ``, 200, `{"config":` + defaults + `}`})
		for sent, reported := range map[string]string{
			`"priority":1001`: `1000`, `"priority":1000`: `1000`, `"priority":-1000`: `-1000`, `"priority":-1001`: `-1000`, `"priority":0`: `0`,
			`"priority":9223372036854775807`: `1000`, `"priority":-9223372036854775808`: `-1000`,
			`"idempotency_window_ms":86400000`: `86400000`, `"idempotency_window_ms":86400001`: `86400000`, `"idempotency_window_ms":9223372036854775807`: `86400000`,
			`"lease_ms":99`: `100`, `"lease_ms":100`: `100`, `"lease_ms":0`: `100`, `"lease_ms":-1`: `100`, `"lease_ms":86400000`: `86400000`, `"lease_ms":86400001`: `86400000`,
			`"claim_jitter_ms":-1`: `0`, `"claim_jitter_ms":5000`: `5000`, `"claim_jitter_ms":5001`: `5000`,
			`"ttl_ms":9223372036854775807`: `9223372036854775807`, `"cap_records":9223372036854775807`: `9223372036854775807`,
			`"cap_bytes":9223372036854775807`: `9223372036854775807`, `"idempotency_window_ms":0`: `0`, `"max_deliveries":3`: `3`,
			`"dead_letter":"dead"`: `"dead"`, `"discard":"reject"`: `"reject"`, `"leases_durable":true`: `true`, `"dedupe_node":false`: `false`,
			`"retry_backoff_ms":-1`: `0`, `"retry_backoff_ms":86400001`: `86400000`, `"retry_backoff_max_ms":-1`: `0`, `"retry_backoff_max_ms":86400001`: `86400000`,
			`"group_concurrency":0`: `1`, `"group_concurrency":7`: `7`, `"paused":true`: `true`,
			`"auto_create":false`: `false`, `"auto_priority":false`: `false`,
		} {
			field, _, _ := strings.Cut(sent, ":")
			want := fmt.Sprintf(`{"config":{%s:%s}}`, field, reported)
			s.walk(step{"PUT /v0/topics/t", "{" + sent + "}", 200, want}, step{"GET /v0/topics/t", ``, 200, want},
				// PUT replaces, PATCH merges.
				step{"PATCH /v0/topics/t", `{}`, 200, want}, step{"PATCH /v0/topics/t", `{"max_deliveries":3}`, 200, want},
				step{"PUT /v0/topics/t", `{}`, 200, `{"config":` + defaults + `}`})
		}
		for _, sent := range []string{
			`"ttl_ms":-1`, `"cap_records":-1`, `"cap_bytes":-1`, `"idempotency_window_ms":-1`, `"max_deliveries":-1`, `"type":"topic"`, `"type":""`, `"type":"LOG"`,
			`"discard":"new"`, `"discard":""`, `"durability":"Disk"`, `"durability":""`, `"durability":null`, `"dead_letter":"t"`, `"dead_letter":""`, `"dead_letter":"a>b"`,
		} {
			s.walk(step{"PUT /v0/topics/t", "{" + sent + "}", 400, refusal("invalid_request")}, step{"PATCH /v0/topics/t", "{" + sent + "}", 400, refusal("invalid_request")},
				step{"POST /v0/topics/new", `{"records":[{}],"config":{` + sent + `}}`, map[bool]int{true: 201, false: 400}[sent == `"dead_letter":"t"`], ``},
				step{"DELETE /v0/topics/new", ``, 200, ``})
		}
		s.walk(step{"GET /v0/topics/t", ``, 200, `{"config":` + defaults + `}`})
	})
}

// Section 1, durable is a shorthand, used only when durability is absent.
func TestContractDurability(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for i, tc := range []struct{ sent, class string }{
			{`{}`, "disk"}, {`{"durable":true}`, "fsync"}, {`{"durable":false}`, "disk"}, {`{"durable":true,"durability":"memory"}`, "memory"},
			{`{"durability":"fsync","durable":false}`, "fsync"}, {`{"durability":"ephemeral"}`, "ephemeral"}, {`{"durability":"disk","durable":true}`, "disk"},
		} {
			want := fmt.Sprintf(`{"config":{"durability":%q,"durable":%t}}`, tc.class, tc.class == "fsync")
			s.walk(step{fmt.Sprintf("PUT /v0/topics/t%d", i), tc.sent, 201, want},
				step{fmt.Sprintf("GET /v0/topics?prefix=t%d", i), ``, 200, ``},
				step{fmt.Sprintf("POST /v0/topics/w%d", i), `{"records":[{}],"config":` + tc.sent + `}`, 201, ``},
				step{fmt.Sprintf("GET /v0/topics/w%d", i), ``, 200, want})
		}
		// Mutable, between any two.
		classes := []string{"ephemeral", "memory", "disk", "fsync"}
		head := 0
		for _, from := range classes {
			for _, to := range classes {
				for _, class := range []string{from, to} {
					head++
					s.walk(step{"PUT /v0/topics/m", `{"durability":"` + class + `"}`, s.made("/v0/topics/m"), `{"config":{"durability":"` + class + `"}}`},
						step{"POST /v0/topics/m", `{"records":[{}]}`, 200, fmt.Sprintf(`{"first_seq":%d}`, head)})
				}
			}
		}
		s.walk(step{"GET /v0/topics/m/diff", ``, 200, fmt.Sprintf(`{"next_from_seq":%d,"tombstone":null}`, head)})
	})
}

// Section 2 as far as a client sees it at once, and fsync_ms of section 0. What
// a kill or a power cut leaves is proven below this package.
func TestContractClasses(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for _, class := range []string{"ephemeral", "memory", "disk", "fsync"} {
			s.walk(step{"PUT /v0/topics/" + class, `{"durability":"` + class + `"}`, 201, ``},
				step{"POST /v0/topics/" + class, `{"records":[{},{}]}`, 200, `{"first_seq":1,"last_seq":2}`})
			a := s.send("POST /v0/topics/"+class, `{"records":[{},{},{}]}`)
			if d := a.differs(`{"seqs":[3,4,5],"head_seq":5,"performance":{"wal_append_ms":"(any)","fsync_ms":"(any)","throttle_wait_ms":0}}`); d != "" {
				t.Errorf("%s: %s", class, d)
			}
			if d := a.differs(`{"performance":{"fsync_ms":0}}`); d != "" && class != "fsync" {
				t.Errorf("%s: %s", class, d)
			}
			// What is acknowledged is there, and a write is whole or not there.
			s.walk(step{"GET /v0/topics/" + class + "/diff", ``, 200, `{"next_from_seq":5,"caught_up":true,"performance":{"records_scanned":5}}`},
				step{"POST /v0/topics/" + class, `{"records":[{},{"tag":7}]}`, 400, ``}, step{"GET /v0/topics/" + class, ``, 200, `{"head_seq":5,"count":5}`})
		}
	})
}

// Section 3.
func TestContractTopics(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"PUT /v0/topics/t", `{"ttl_ms":5}`, 201, `{"topic":"t","created":true,"config":{"ttl_ms":5}}`},
			step{"PUT /v0/topics/t", `{"ttl_ms":5}`, 200, `{"topic":"t","created":false,"config":{"ttl_ms":5}}`},
			step{"PUT /v0/topics/t", `{"cap_records":9}`, 200, `{"created":false,"config":{"ttl_ms":0,"cap_records":9}}`},
			step{"PATCH /v0/topics/t", `{"ttl_ms":7}`, 200, `{"topic":"t","created":false,"config":{"ttl_ms":7,"cap_records":9}}`},
			step{"PATCH /v0/topics/none", `{}`, 404, refusal("topic_not_found")},
			step{"GET /v0/topics/none", ``, 404, refusal("topic_not_found")}, step{"GET /v0/topics/none", ``, 404, ``},
			step{"PUT /v0/topics/t", ``, 200, ``},
			step{"GET /v0/topics/t?touch=false", ``, 200, `{"topic":"t","type":"log","head_seq":0,"earliest_seq":1,"next_seq":1,"count":0,"bytes":0,
				"config":{"type":"log"},"effective_priority":0,"last_write_ts":null,"last_read_ts":null,"queue":"(absent)"}`},
			step{"GET /v0/topics/t?touch=0", ``, 200, `{"last_read_ts":null}`},
			step{"GET /v0/topics/t", ``, 200, ``},
			step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":1700000000000,"effective_priority":500}`},
			step{"POST /v0/topics/t", `{"records":[{"data":"12345","meta":{"a":1}},{}]}`, 200, ``},
			step{"GET /v0/topics/t", ``, 200, `{"head_seq":2,"earliest_seq":1,"next_seq":3,"count":2,"bytes":18,"last_write_ts":1700000000000}`},
			step{"POST /v0/topics/t/delete", `{"before_seq":99}`, 200, ``},
			step{"GET /v0/topics/t", ``, 200, `{"head_seq":2,"earliest_seq":3,"next_seq":3,"count":0,"bytes":0}`},
			step{"PUT /v0/topics/q", `{"type":"queue"}`, 201, ``},
			step{"POST /v0/topics/q", `{"records":[{},{}]}`, 200, ``},
			step{"GET /v0/topics/q", ``, 200, `{"type":"queue","queue":{"ready":2,"blocked":0,"in_flight":0,"delayed":0,"dead_lettered":0,"dead_letter_blocked":0,"lost":0,"oldest_ready_ms":0}}`},
		)
		got := s.send("GET /v0/topics", "").raw("topics")
		if want := `[{"topic":"q","type":"queue","head_seq":2,"earliest_seq":1,"count":2,"bytes":8,"durable":false,"durability":"disk","effective_priority":500,"write_rate":0.03333333333333333,"write_bytes_rate":0.13333333333333333,"read_rate":0,"last_write_ts":1700000000000,"subscribers":0,` +
			`"caps":{"cap_records":0,"cap_bytes":0,"ttl_ms":0,"discard":"old"},` +
			`"queue":{"ready":2,"blocked":0,"in_flight":0,"delayed":0,"dead_lettered":0,"dead_letter_blocked":0,"lost":0,"oldest_ready_ms":0},"claim_rate":0,"ack_rate":0,"nack_rate":0},` +
			`{"topic":"t","type":"log","head_seq":2,"earliest_seq":3,"count":0,"bytes":0,"durable":false,"durability":"disk","effective_priority":500,` +
			`"write_rate":0.03333333333333333,"write_bytes_rate":0.3,"read_rate":0,"last_write_ts":1700000000000,"subscribers":0,"caps":{"cap_records":0,"cap_bytes":0,"ttl_ms":0,"discard":"old"}}]`; got != want {
			t.Errorf("listed %s\nwant %s", got, want)
		}
		// A tightened cap or ttl applies to what is there.
		s.walk(step{"POST /v0/topics/c", `{"records":[{},{},{},{}]}`, 201, ``}, step{"PATCH /v0/topics/c", `{"cap_records":3}`, 200, ``},
			step{"GET /v0/topics/c", ``, 200, `{"count":3,"earliest_seq":2}`}, step{"PATCH /v0/topics/c", `{"cap_records":0,"cap_bytes":8}`, 200, ``},
			step{"GET /v0/topics/c", ``, 200, `{"count":2,"earliest_seq":3}`})
		s.clock.Add(1000)
		s.walk(step{"POST /v0/topics/c", `{"records":[{}]}`, 200, ``}, step{"PATCH /v0/topics/c", `{"cap_bytes":0,"ttl_ms":999}`, 200, ``},
			step{"GET /v0/topics/c", ``, 200, `{"count":1,"earliest_seq":5}`})
	})
}

// Section 3, deleting a topic takes everything of it along.
func TestContractDeleteTopic(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"DELETE /v0/topics/none", ``, 200, `{"topic":"none","deleted":false,"routers_removed":[]}`},
			step{"DELETE /v0/topics/none?if_empty=true", ``, 200, `{"deleted":false}`},
			step{"POST /v0/topics/t", `{"records":[{"tag":"x"},{},{}],"idempotency_key":"k"}`, 201, ``},
			step{"PUT /v0/routers/r>2", `{"source":"t","dest":"d"}`, 201, ``}, step{"PUT /v0/routers/r>1", `{"source":"e","dest":"t"}`, 201, ``},
			step{"PUT /v0/routers/other", `{"source":"e","dest":"d"}`, 201, ``},
			step{"DELETE /v0/topics/t?if_empty=true", ``, 409, refusal("topic_not_empty")},
			step{"GET /v0/topics/t", ``, 200, `{"count":3}`}, step{"GET /v0/routers/r>1", ``, 200, ``},
			step{"DELETE /v0/topics/t?if_empty=false", ``, 200, `{"topic":"t","deleted":true,"routers_removed":["r>1","r>2"]}`},
			step{"GET /v0/topics/t", ``, 404, ``}, step{"GET /v0/routers/r>1", ``, 404, ``}, step{"GET /v0/routers/r>2", ``, 404, ``}, step{"GET /v0/routers/other", ``, 200, ``},
			step{"DELETE /v0/topics/t", ``, 200, `{"deleted":false,"routers_removed":[]}`},
			// Made again it is a new one.
			step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"k"}`, 201, `{"first_seq":1,"created":true,"deduped":false}`},
			step{"POST /v0/topics/t/diff", `{"match":"x"}`, 200, `{"records":[],"next_from_seq":1}`},
			step{"GET /v0/topics/t/diff?from_seq=3", ``, 200, `{"tombstone":{"reason":"recreated","gap_from":1,"gap_to":1,"head_seq":1}}`},
			// Empty is without live records.
			step{"POST /v0/topics/t/delete", `{"before_seq":2}`, 200, ``}, step{"DELETE /v0/topics/t?if_empty=1", ``, 200, `{"deleted":true}`},
			step{"POST /v0/topics/l", `{"records":[{}],"config":{"ttl_ms":10}}`, 201, ``},
		)
		s.clock.Add(11)
		s.walk(step{"DELETE /v0/topics/l?if_empty=1", ``, 200, `{"deleted":true}`})
	})
}
