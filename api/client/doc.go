// Package client is a small typed client of the topics server, for tools and
// tests written in Go. It speaks the public HTTP API and knows nothing of the
// server's insides.
//
// Payloads are json.RawMessage and travel verbatim in both directions.
//
// Loss is never silent on the wire, so it cannot be overlooked here either: a
// read answers a Batch whose Tombstone field says which seqs are gone and why,
// and Follow yields every tombstone as an event of its own, in its place
// between the records.
package client
