package record

import "fmt"

// Class is a topic's durability: what an acknowledged write means.
type Class uint8

// The four classes, weakest first.
const (
	// Ephemeral records live in memory only and are gone after a restart.
	Ephemeral Class = iota
	// Memory acks when the log has accepted the write into its queue.
	Memory
	// Disk acks when the write is in the log file (page cache): it survives
	// the process, not the power.
	Disk
	// Fsync acks when the group commit that holds the write has been synced.
	Fsync
)

var ClassNames = [...]string{"ephemeral", "memory", "disk", "fsync"}

// String returns the class's name on the wire.
func (c Class) String() string { return ClassNames[c] }

// ParseClass is String's inverse.
func ParseClass(s string) (Class, error) {
	for i, n := range ClassNames {
		if s == n {
			return Class(i), nil
		}
	}
	return 0, fmt.Errorf("durability %q is none of ephemeral, memory, disk, fsync", s)
}

// MarshalText implements encoding.TextMarshaler.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Class) UnmarshalText(b []byte) error {
	v, err := ParseClass(string(b))
	*c = v
	return err
}
