package api

import "sync"

// following is the memory that a socket has taken for what it follows.
type following struct {
	holder holder
	mu     sync.Mutex // guards bytes
	bytes  int64
}

// expect takes the memory for what a subscribe may add, before it does. Topics
// that come by a prefix are known only afterwards: recount gives back what was
// taken beyond them.
func (so *socket) expect(w *watchRequest) error {
	names, prefixes := so.subs.size()
	n := names + prefixes + len(w.topics) + len(w.prefixes)
	if len(w.prefixes) > 0 {
		n += so.server.opts.Limits.MaxWatchTopics
	}
	return so.follows.hold(&so.server.following, n)
}

// recount makes what the socket has taken that of what it follows now. It fails
// only if that has grown: topics may have come by a prefix.
func (so *socket) recount() error {
	names, prefixes := so.subs.size()
	return so.follows.hold(&so.server.following, names+prefixes)
}

// hold changes what is taken to that of n topics and prefixes.
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
