package watch

// Stale reports whether the event that is being sent belongs to a topic that
// was removed, or added anew, after the event was made. An Output whose client
// was notified of that uses it to discard the event.
func (s *Session) Stale() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sending != nil && s.sending.removed
}
