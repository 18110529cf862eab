package topic

import (
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/wal"
)

// applying knows a position of the log below which everything has been applied,
// without an order among the commits that are under way.
//
// Each commit is counted from before its frame gets its place until it is
// settled, in one of two counts by the parity of an epoch. Applied takes the
// log's tail and begins another epoch: all frames before that tail are then of
// commits in the old count, and once that is empty they have been applied. An
// epoch begins only when the count that it will use is empty.
type applying struct {
	epoch  atomic.Uint64
	Counts [2]atomic.Int64

	mu      lockorder.Mutex[lockorder.Applied] // guards what follows
	through wal.LSN                            // applied, once the old count is empty and changes are shown
	done    wal.LSN                            // applied
}

// Enter counts a commit, before its frame gets its place. A commit that is
// counted and gets no place must leave.
func (a *applying) Enter(c *Commit) {
	for {
		epoch := a.epoch.Load()
		count := &a.Counts[epoch%2]
		count.Add(1)
		// Another epoch may have begun before the commit was counted. It would
		// then be in a count that was found empty already.
		if a.epoch.Load() == epoch {
			c.count = count
			return
		}
		count.Add(-1)
	}
}

// Leave stops counting the commit, if it is counted.
func (c *Commit) Leave() {
	if c.count != nil {
		c.count.Add(-1)
		c.count = nil
	}
}

// Advance returns a position of the log below which everything has been applied.
// shown reports whether the changes before a position are shown that no commit
// counts.
func (a *applying) Advance(log *wal.Log, shown func(wal.LSN) bool) wal.LSN {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 2 { // the second time for what was idle all along
		old := &a.Counts[(a.epoch.Load()+1)%2]
		if old.Load() != 0 || !shown(a.through) {
			break
		}
		a.done = a.through
		a.through = log.Tail()
		a.epoch.Add(1)
	}
	return a.done
}
