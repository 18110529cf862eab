package health

import "fmt"

// Status is how well a part of the server is; the worst has the highest value.
type Status uint8

// The three statuses, best first.
const (
	Healthy   Status = iota
	Degraded         // works, and an operator should look
	Unhealthy        // does not do its work
)

var statusNames = [...]string{"healthy", "degraded", "unhealthy"}

// String returns the status's name on the wire.
func (s Status) String() string { return statusNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseStatus reads a status from its name on the wire.
func ParseStatus(s string) (Status, error) {
	for i, name := range statusNames {
		if s == name {
			return Status(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of healthy, degraded, unhealthy", s)
}

// Condition is the result of a check.
type Condition struct {
	Status Status
	Reason string // empty when healthy
}

// Check looks at one part of the server. It runs in the background, in a
// goroutine of its own: one that blocks is late, which is a finding of its own,
// and delays no other.
type Check func() Condition

// Worst runs checks one after the other and finds the worst of what they find.
func Worst(checks ...Check) Check {
	return func() (worst Condition) {
		for _, check := range checks {
			if c := check(); c.Status > worst.Status {
				worst = c
			}
		}
		return worst
	}
}
