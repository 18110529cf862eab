package topics

import "strings"

// Match is a predicate on a record's tag. The zero Match is not valid: use
// NewMatch. Untagged records never match.
type Match struct {
	value  string
	prefix bool // Glob: value is a literal prefix
}

// NewMatch makes the predicate of op "Eq" (the whole tag) or "Glob" (a literal
// prefix and exactly one '*', at the end).
func NewMatch(op, pattern string) (Match, error) {
	switch op {
	case "Eq":
		return Match{value: pattern}, nil
	case "Glob":
		if i := strings.IndexByte(pattern, '*'); i < 0 || i != len(pattern)-1 {
			return Match{}, invalidf("match: Glob %q must be a literal prefix and one trailing *", pattern)
		}
		return Match{value: pattern[:len(pattern)-1], prefix: true}, nil
	}
	return Match{}, invalidf("match: operator %q is neither \"Eq\" nor \"Glob\"", op)
}

// ParseMatch makes the predicate of the short form: "x" is Eq, "x*" is Glob.
func ParseMatch(s string) (Match, error) {
	if strings.Contains(s, "*") {
		return NewMatch("Glob", s)
	}
	return NewMatch("Eq", s)
}

// Parts are what NewMatch makes the predicate of.
func (m Match) Parts() (op, pattern string) {
	if m.prefix {
		return "Glob", m.value + "*"
	}
	return "Eq", m.value
}

// String is the short form of the predicate, for people: a * in a whole tag
// looks like a prefix.
func (m Match) String() string {
	_, pattern := m.Parts()
	return pattern
}

// Tag reports whether the tag satisfies the predicate; nil is no tag.
func (m *Match) Tag(tag []byte) bool { return tag != nil && m.matches(tag) }

// matches is Tag for what is known to be a tag: nil is an empty one.
func (m *Match) matches(tag []byte) bool {
	if m.prefix {
		return len(tag) >= len(m.value) && string(tag[:len(m.value)]) == m.value
	}
	return string(tag) == m.value
}
