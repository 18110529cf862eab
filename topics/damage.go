package topics

import (
	"errors"

	"github.com/e6e95bb8/topics/topics/record"
)

// LastDamage returns the error of the last read that found damaged bytes, or "" if
// none has since the start.
func (r *Registry) LastDamage() string {
	if s := r.shared.totals.met.Load(); s != nil {
		return *s
	}
	return ""
}

// recordDamage counts and keeps err if it is KindDamaged.
func (t *totals) recordDamage(err error) {
	if e, ok := errors.AsType[*record.Error](err); ok && e.Kind == record.KindDamaged && e.Err != nil {
		s := e.Err.Error()
		t.met.Store(&s)
		t.damagedReads.Add(1)
	}
}
