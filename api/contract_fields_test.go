package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// spellings are one value of each JSON kind.
var spellings = map[string]string{
	"null": `null`, "bool": `true`, "string": `"disk"`, "negative": `-1`, "fraction": `1.5`, "whole_fraction": `1.0`, "exponent": `1e2`,
	"number": `7`, "2^63": `9223372036854775808`, "2^64-1": `18446744073709551615`, "2^64": `18446744073709551616`, "array": `[]`, "numbers": `[1]`, "object": `{}`,
}

// Section 0: unknown fields are ignored, wrong types are 400. Each field of each
// body gets a value of every kind; those that are listed are taken.
func TestContractFieldTypes(t *testing.T) {
	const (
		flag    = "bool"
		word    = "string null"
		whole   = "number negative null"
		size    = "number null"
		huge    = "number 2^63 2^64-1 null"
		object  = "object null"
		nodes   = "string null array"
		boolean = "bool null"
	)
	anything := strings.Join(slices.Collect(maps.Keys(spellings)), " ")
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for _, tc := range []struct {
			ask, body string // %s stands where the field does
			fields    map[string]string
		}{
			{"PUT /v0/topics/t", `{%s}`, map[string]string{
				"unknown": anything, "type": "", "ttl_ms": "number", "cap_records": "number", "cap_bytes": "number", "discard": "", "durable": flag, "durability": "string",
				"priority": whole, "auto_priority": flag, "auto_create": flag, "idempotency_window_ms": "number", "dedupe_node": flag,
				"lease_ms": "number negative", "claim_jitter_ms": "number negative", "max_deliveries": "number", "dead_letter": word, "leases_durable": flag,
				"retry_backoff_ms": "number negative", "retry_backoff_max_ms": "number negative", "group_concurrency": "number negative", "paused": flag,
			}},
			{"PATCH /v0/topics/t", `{%s}`, map[string]string{
				"unknown": anything, "type": "", "ttl_ms": "number", "cap_records": "number", "cap_bytes": "number", "discard": "", "durable": flag, "durability": "string",
				"priority": whole, "auto_priority": flag, "auto_create": flag, "idempotency_window_ms": "number", "dedupe_node": flag,
				"lease_ms": "number negative", "claim_jitter_ms": "number negative", "max_deliveries": "number", "dead_letter": word, "leases_durable": flag,
				"retry_backoff_ms": "number negative", "retry_backoff_max_ms": "number negative", "group_concurrency": "number negative", "paused": flag,
			}},
			{"POST /v0/topics/t", `{"records":[{}],%s}`, map[string]string{
				"node": word, "idempotency_key": word, "create": boolean, "config": object, "disable_backpressure": boolean, "unknown": anything,
			}},
			{"POST /v0/topics/t", `{%s}`, map[string]string{"records": ""}},
			{"POST /v0/topics/t", `{"records":[{%s}]}`, map[string]string{
				"node": word, "tag": word, "meta": object, "data": anything, "$seq": anything,
			}},
			{"POST /v0/topics/t/diff", `{%s}`, map[string]string{
				"from_seq": huge, "limit": size, "max_batch_bytes": size, "include_tags": boolean, "include_meta": boolean, "node": nodes, "match": word, "unknown": anything,
			}},
			{"POST /v0/topics/t/delete", `{"before_seq":0,%s}`, map[string]string{"match": word, "unknown": anything}},
			{"POST /v0/topics/t/delete", `{"match":"x",%s}`, map[string]string{"before_seq": huge}},
			{"PUT /v0/routers/r", `{"dest":"b",%s}`, map[string]string{"source": "string"}},
			{"PUT /v0/routers/r", `{"source":"a",%s}`, map[string]string{"dest": "string"}},
			{"PUT /v0/routers/r", `{"source":"a","dest":"b",%s}`, map[string]string{
				"preserve_node": boolean, "preserve_tag": boolean, "create_dest": boolean, "filter": word, "allow_cycle": boolean,
				"guarantee": "null", "unknown": anything,
			}},
			{"POST /v0/watch", `{"topics":{"t":{}},%s}`, map[string]string{
				"prefixes": object, "node": nodes, "match": word, "limit": size, "max_batch_bytes": size, "heartbeat_ms": whole, "include_meta": boolean,
				"include_tags": boolean, "include_data": boolean, "consistency": "null", "unknown": anything,
			}},
			{"POST /v0/watch", `{%s}`, map[string]string{"topics": ""}},
			{"POST /v0/watch", `{"topics":{"t":{%s}}}`, map[string]string{"from_seq": huge, "tail": boolean, "unknown": anything}},
			{"POST /v0/watch", `{"topics":{"t":{}},"prefixes":{"t":{%s}}}`, map[string]string{"from_seq": huge, "tail": boolean, "unknown": anything}},
		} {
			for field, takes := range tc.fields {
				for kind, value := range spellings {
					s.takesField(tc.ask, fmt.Sprintf(tc.body, fmt.Sprintf("%q:%s", field, value)), field, slices.Contains(strings.Fields(takes), kind))
				}
			}
		}
	})
}

// takesField holds that a body is taken or refused because of its field.
func (s *contractServer) takesField(ask, body, field string, takes bool) {
	s.t.Helper()
	s.send("PUT /v0/topics/t", "") // whatever was taken before
	a := s.send(ask, body)
	switch {
	case takes && a.status/100 != 2:
		s.t.Errorf("%s %s: %d %s", ask, body, a.status, a.body)
	case !takes && (a.status != 400 || a.differs(refusal("invalid_request")) != "" || !strings.Contains(string(a.body), field)):
		s.t.Errorf("%s %s is not refused for %s: %d %.200s", ask, body, field, a.status, a.body)
	}
}
