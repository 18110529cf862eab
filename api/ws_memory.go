package api

import (
	"github.com/e6e95bb8/topics/api/request"
	"sync"
)

// following is the memory that a socket has reserved for its subscriptions.
type following struct {
	holder holder
	mu     sync.Mutex // guards bytes
	bytes  int64
}

// expect reserves the memory for what a subscribe command may add. The topics of a
// prefix are known only after the command; recount then releases the excess.
func (so *socket) expect(w *request.Watch) error {
	names, prefixes := so.subs.size()
	n := names + prefixes + len(w.Topics) + len(w.Prefixes)
	if len(w.Prefixes) > 0 {
		n += so.server.opts.Limits.MaxWatchTopics
	}
	return so.follows.hold(&so.server.following, n)
}

// recount adjusts the reserved memory to the present subscriptions. It fails only
// if these have grown, by topics of a prefix.
func (so *socket) recount() error {
	names, prefixes := so.subs.size()
	return so.follows.hold(&so.server.following, names+prefixes)
}

// hold adjusts the reserved memory to n topics and prefixes.
func (f *following) hold(b *budget, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
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
