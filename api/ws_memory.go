package api

import (
	"sync"

	"github.com/e6e95bb8/topics/api/request"
)

// following is the memory that a socket has reserved for its subscriptions.
type following struct {
	holder holder

	mu       sync.Mutex // guards what follows
	bytes    int64
	expected int // topics and prefixes there may be after the subscribe under way; 0 if none is
}

// expect reserves the memory for what a subscribe command may add, and keeps it
// until settleMemory. The topics of a prefix are known only after the command.
func (so *socket) expect(w *request.Watch) error {
	names, prefixes := so.subs.size()
	n := names + prefixes + len(w.Topics) + len(w.Prefixes)
	if len(w.Prefixes) > 0 {
		n += so.server.opts.Limits.MaxWatchTopics
	}
	return so.follows.expect(&so.server.following, n)
}

// settleMemory releases what expect reserved and the subscribe did not need.
func (so *socket) settleMemory() {
	_ = so.follows.expect(&so.server.following, 0) // nothing is reserved by it
	_ = so.recount()                               // it cannot fail: it is no more than expected
}

// recount adjusts the reserved memory to the present subscriptions. It fails only
// if these have grown, by topics of a prefix.
func (so *socket) recount() error {
	names, prefixes := so.subs.size()
	return so.follows.hold(&so.server.following, names+prefixes)
}

// expect keeps hold from releasing memory for fewer than n topics and prefixes,
// and reserves it.
func (f *following) expect(b *budget, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expected = n
	if n == 0 {
		return nil
	}
	err := f.adjustLocked(b, n)
	if err != nil {
		f.expected = 0
	}
	return err
}

// hold adjusts the reserved memory to n topics and prefixes, or to what is
// expected.
func (f *following) hold(b *budget, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adjustLocked(b, max(n, f.expected))
}

func (f *following) adjustLocked(b *budget, n int) error {
	more := int64(n)*followedCost - f.bytes
	if more > 0 {
		if err := b.reserve(f.holder, more); err != nil {
			return err
		}
	} else {
		b.release(f.holder, -more)
	}
	f.bytes += more
	return nil
}
