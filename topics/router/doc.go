// Package router forwards records from topic to topic: the routers with their
// cursors, the table of them, their cycles, and the goroutines that forward.
//
// A router reads its source like any reader, takes an extract of it, and appends one
// frame: where in the log the records are, their seqs at the destination, and the
// router's cursor after them. Package topics makes, changes and ends routers, and
// notifies Forwarders of topics that have changed.
package router
