package watch

// Stale says that the event that is being sent is of a topic that was removed,
// or added anew, after the event was made. It is for use by an Output whose
// client was told of that, and should hear no more of what was before.
func (s *Session) Stale() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sending != nil && s.sending.removed
}
