package conns

import "context"

// Finish closes the listeners of the Set so that no client is cut off: those
// whose connections the kernel has queued are still accepted, and new
// connections have a moment to send their first request. After that, and before
// ctx is done, http.Server.Shutdown answers what is in progress. Shutdown alone
// would reset queued connections, and close without an answer those whose
// request arrives during it.
func (s *Set) Finish(ctx context.Context) {
	s.mu.Lock()
	listeners := s.listeners
	s.finished = make(chan struct{})
	s.mu.Unlock()
	for _, l := range listeners {
		l.finish()
	}
	for _, l := range listeners {
		select {
		case <-l.ended:
		case <-ctx.Done():
			return
		}
	}
	s.mu.Lock()
	s.finishLocked()
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, firstChance)
	defer cancel()
	select {
	case <-s.finished:
	case <-ctx.Done():
	}
}

// finishLocked ends Finish when every new connection has sent a request.
func (s *Set) finishLocked() {
	if s.finished == nil || s.fresh.Len() > 0 {
		return
	}
	select {
	case <-s.finished:
	default:
		close(s.finished)
	}
}
