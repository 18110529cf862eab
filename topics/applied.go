package topics

import "github.com/e6e95bb8/topics/wal"

// Applied returns a position of the log below which everything has been applied:
// readers see it, if it is a record. It is the tail of an idle log, and goes
// forward with every second call or so of a busy one. It never blocks for long:
// it asks the locks of the log and, if that is free, of the registry.
func (r *Registry) Applied() wal.LSN {
	return r.shared.Applying.Advance(r.shared.Log, r.changes.TryShownBefore)
}
