package health

import "fmt"

// Affects is which probes fail while a check is unhealthy. Every check is
// shown by all of them, and counts for the health as a whole.
type Affects uint8

// What a check affects.
const (
	// AffectsServer is for the server's own checks: the health and the
	// actuator's readiness.
	AffectsServer Affects = iota
	AffectsHealth
	AffectsReadiness
	AffectsLiveness
)

var affectsNames = [...]string{"server", "health", "readiness", "liveness"}

// String returns the name on the wire.
func (a Affects) String() string { return affectsNames[a] }

// MarshalText implements encoding.TextMarshaler.
func (a Affects) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// ParseAffects reads what a check that is not the server's own affects.
func ParseAffects(s string) (Affects, error) {
	for a := AffectsHealth; a <= AffectsLiveness; a++ {
		if s == a.String() {
			return a, nil
		}
	}
	return 0, fmt.Errorf("%q is none of health, readiness, liveness", s)
}
