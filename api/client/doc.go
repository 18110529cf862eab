// Package client is the Go client of the topics server. It uses only the public
// HTTP API.
//
// Payloads are json.RawMessage and are passed on verbatim in both directions.
//
// The server reports every loss, and so does this package: Batch.Tombstone
// gives the range of seqs that are lost and the reason, and Watch and Follow
// yield each tombstone as an event, in order with the records.
//
// With Options.RetryFor, calls survive a server that restarts or is busy. Only
// requests that are safe to repeat are retried; a write is, if it has an
// idempotency key.
package client
