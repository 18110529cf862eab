package record

import "strings"

// Match is a predicate on a record's tag. The zero Match is not valid: use
// NewMatch. Untagged records never match.
type Match struct {
	Value  string
	Prefix bool // Glob: value is a literal prefix
}

// NewMatch makes the predicate of op "Eq" (the whole tag) or "Glob" (a literal
// prefix and exactly one '*', at the end).
func NewMatch(op, pattern string) (Match, error) {
	switch op {
	case "Eq":
		return Match{Value: pattern}, nil
	case "Glob":
		if i := strings.IndexByte(pattern, '*'); i < 0 || i != len(pattern)-1 {
			return Match{}, Invalid("match: Glob %q must be a literal prefix and one trailing *", pattern)
		}
		return Match{Value: pattern[:len(pattern)-1], Prefix: true}, nil
	}
	return Match{}, Invalid("match: operator %q is neither \"Eq\" nor \"Glob\"", op)
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
	if m.Prefix {
		return "Glob", m.Value + "*"
	}
	return "Eq", m.Value
}

// String is the short form of the predicate, for people: a * in a whole tag
// looks like a prefix.
func (m Match) String() string {
	_, pattern := m.Parts()
	return pattern
}

// Tag reports whether the tag satisfies the predicate; nil is no tag.
func (m *Match) Tag(tag []byte) bool { return tag != nil && m.Matches(tag) }

// Matches is Tag for what is known to be a tag: nil is an empty one.
func (m *Match) Matches(tag []byte) bool {
	if m.Prefix {
		return len(tag) >= len(m.Value) && string(tag[:len(m.Value)]) == m.Value
	}
	return string(tag) == m.Value
}
