package topics

import "errors"

// LastDamage is what the last read that met damaged bytes said of them; empty:
// none did since the start.
func (r *Registry) LastDamage() string {
	if s := r.totals.met.Load(); s != nil {
		return *s
	}
	return ""
}

// meet keeps and counts err if it tells of damage.
func (t *totals) meet(err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindDamaged && e.Err != nil {
		s := e.Err.Error()
		t.met.Store(&s)
		t.damagedReads.Add(1)
	}
}
