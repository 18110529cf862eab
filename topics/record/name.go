package record

// MaxName is the longest topic name, in bytes.
const MaxName = 255

// CheckName returns nil when name may name a topic:
// ^[A-Za-z0-9][A-Za-z0-9._:-]{0,254}$.
func CheckName(name string) *Error {
	if len(name) == 0 || len(name) > MaxName {
		return Invalid("topic name has %d bytes; it must have 1 to %d", len(name), MaxName)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != ':' && c != '-') {
			return Invalid("topic name %q must match [A-Za-z0-9][A-Za-z0-9._:-]*", name)
		}
	}
	return nil
}
