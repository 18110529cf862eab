package api

import (
	"testing"
	"time"
)

// patience is how long a test waits for anything before it fails. It is
// generous, because the machine may be busy; nothing waits it out when all is
// well.
const patience = time.Minute

// waitFor waits for a condition that nobody announces.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("waited in vain")
		}
	}
}

// scaled is for tests of time limits that their own client has to keep, which
// a machine that stalls does not let it: what try finds is wrong only if it is
// with longer limits, too. Each try is a test of its own.
func scaled(t *testing.T, limit time.Duration, try func(t *testing.T, limit time.Duration) error) {
	t.Helper()
	for longest := 16 * limit; ; limit *= 4 {
		var err error
		if !t.Run(limit.String(), func(t *testing.T) { err = try(t, limit) }) || err == nil {
			return
		}
		if t.Logf("with %v: %v", limit, err); limit >= longest {
			t.Fatal("and no longer limit is tried")
		}
	}
}
