package request

import (
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// configFields are the fields of a config object.
var configFields = []string{
	"type", "ttl_ms", "cap_records", "cap_bytes", "discard", "durable",
	"durability", "priority", "auto_priority", "auto_create", "idempotency_window_ms", "dedupe_node",
	"lease_ms", "claim_jitter_ms", "max_deliveries", "dead_letter", "leases_durable",
	"retry_backoff_ms", "retry_backoff_max_ms", "group_concurrency", "paused",
}

// DecodeConfig decodes the body of a topic's PUT or PATCH. The body may be missing.
func DecodeConfig(body []byte, notes *wire.Notices) (*record.ConfigPatch, error) {
	p := new(record.ConfigPatch)
	if body == nil {
		return p, nil
	}
	f := wire.ReadFields(body, notes)
	f.Enter("the body")
	readConfig(&f, p)
	return p, f.Finish()
}

// readConfig reads the fields of a config object that has been entered. Null is a
// wrong type for most fields: it could mean "unset" or "unchanged". The topics
// package checks the ranges.
func readConfig(f *wire.Fields, p *record.ConfigPatch) {
	for f.NextField() {
		switch string(f.Name()) {
		case "type":
			p.Type = new(f.ReadString("type"))
		case "ttl_ms":
			p.TTLMS = new(f.ReadInt("ttl_ms"))
		case "cap_records":
			p.CapRecords = new(f.ReadInt("cap_records"))
		case "cap_bytes":
			p.CapBytes = new(f.ReadInt("cap_bytes"))
		case "discard":
			p.Discard = new(f.ReadString("discard"))
		case "durable":
			p.Durable = new(f.ReadBool("durable"))
		case "durability":
			p.Durability = new(f.ReadString("durability"))
		case "priority":
			p.Priority = orNull(f, "priority", f.ReadInt)
		case "auto_priority":
			p.AutoPriority = new(f.ReadBool("auto_priority"))
		case "auto_create":
			p.AutoCreate = new(f.ReadBool("auto_create"))
		case "idempotency_window_ms":
			p.IdempotencyWindowMS = new(f.ReadInt("idempotency_window_ms"))
		case "dedupe_node":
			p.DedupeNode = new(f.ReadBool("dedupe_node"))
		case "lease_ms":
			p.LeaseMS = new(f.ReadInt("lease_ms"))
		case "claim_jitter_ms":
			p.ClaimJitterMS = new(f.ReadInt("claim_jitter_ms"))
		case "max_deliveries":
			p.MaxDeliveries = new(f.ReadInt("max_deliveries"))
		case "dead_letter":
			p.DeadLetter = orNull(f, "dead_letter", f.ReadString)
		case "leases_durable":
			p.LeasesDurable = new(f.ReadBool("leases_durable"))
		case "retry_backoff_ms":
			p.RetryBackoffMS = new(f.ReadInt("retry_backoff_ms"))
		case "retry_backoff_max_ms":
			p.RetryBackoffMaxMS = new(f.ReadInt("retry_backoff_max_ms"))
		case "group_concurrency":
			p.GroupConcurrency = new(f.ReadInt("group_concurrency"))
		case "paused":
			p.Paused = new(f.ReadBool("paused"))
		default:
			f.Unknown(configFields)
		}
	}
}

// orNull reads a field that may be null. The inner pointer is nil then.
func orNull[T any](f *wire.Fields, name string, read func(string) T) **T {
	var v *T
	if !f.Null() {
		v = new(read(name))
	}
	return &v
}
