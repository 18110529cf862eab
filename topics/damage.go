package topics

import (
	"errors"

	"github.com/e6e95bb8/topics/topics/record"
)

// LastDamage is what the last read that met damaged bytes said of them; empty:
// none did since the start.
func (r *Registry) LastDamage() string {
	if s := r.totals.met.Load(); s != nil {
		return *s
	}
	return ""
}

// recordDamage keeps and counts err if it tells of damage.
func (t *totals) recordDamage(err error) {
	if e, ok := errors.AsType[*record.Error](err); ok && e.Kind == record.KindDamaged && e.Err != nil {
		s := e.Err.Error()
		t.met.Store(&s)
		t.damagedReads.Add(1)
	}
}
