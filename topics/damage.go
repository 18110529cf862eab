package topics

// LastDamage returns the error of the last read that found damaged bytes, or "" if
// none has since the start.
func (r *Registry) LastDamage() string {
	if s := r.shared.Counters.Met.Load(); s != nil {
		return *s
	}
	return ""
}
