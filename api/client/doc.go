// Package client is the client of the topics server for programs in Go. It
// speaks the public HTTP API and knows nothing of the server's insides.
//
// Payloads are json.RawMessage and travel verbatim in both directions.
//
// Loss is never silent on the wire, so it cannot be overlooked here either: a
// read answers a Batch whose Tombstone field says which seqs are gone and why,
// and Watch and Follow yield every tombstone as an event of its own, in its
// place between the records.
//
// Options.RetryFor makes calls wait out a server that restarts or is busy. Only
// what does no harm is repeated: a write needs an idempotency key for that.
package client
