package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/e6e95bb8/topics/api/spelling"
)

// MaxWarnings bounds the warnings of an answer, and maxQuoted the bytes of an
// unknown name that each shows.
const (
	MaxWarnings = 10
	maxQuoted   = 64
)

// Notices collects the warnings about a request: unknown names, records without
// data, and what Mention adds. For a strict client the first one that Add has is an
// error instead. A nil *Notices drops everything.
type Notices struct {
	strict bool
	list   []string
}

// NewNotices returns empty notices.
func NewNotices(strict bool) Notices { return Notices{strict: strict} }

// Strict reports whether a warning is an error.
func (n *Notices) Strict() bool { return n.strict }

// Len returns the number of warnings.
func (n *Notices) Len() int { return len(n.list) }

// List returns the warnings. It must not be changed.
func (n *Notices) List() []string { return n.list }

// Add adds a warning about a field. If n is strict, it returns the warning as
// an error instead.
func (n *Notices) Add(field, warning string) error {
	switch {
	case n == nil:
	case n.strict:
		e := Invalid("%s", warning)
		e.Detail = map[string]any{"field": field}
		return e
	case len(n.list) < MaxWarnings:
		n.list = append(n.list, warning)
	}
	return nil
}

// Mention adds a warning that a strict client gets as a warning, too: what it is about
// is allowed, and may have been done by now.
func (n *Notices) Mention(format string, a ...any) {
	if n != nil && len(n.list) < MaxWarnings {
		n.list = append(n.list, fmt.Sprintf(format, a...))
	}
}

// AddUnknown adds a warning about a query parameter that is not among those known.
func (n *Notices) AddUnknown(parameter string, known []string) error {
	return n.Add(parameter, Unknown("query", "parameter", parameter, known))
}

// Full reports whether another warning would be dropped, so that it need not be
// made.
func (n *Notices) Full() bool { return n == nil || !n.strict && len(n.list) >= MaxWarnings }

// Unknown describes a name that is not among those known. place, unless empty,
// is where it stands, and what is the kind of name: a field or a parameter.
func Unknown(place, what, name string, known []string) string {
	var b strings.Builder
	if place != "" {
		b.WriteString(place + ": ")
	}
	fmt.Fprintf(&b, "unknown %s %q", what, name[:min(len(name), maxQuoted)])
	if len(name) <= maxQuoted {
		if nearest, ok := spelling.Nearest(name, known); ok {
			fmt.Fprintf(&b, "; did you mean %q?", nearest)
		}
	}
	return b.String()
}

// AppendTo appends the warnings as a member of an answer, followed by a comma.
// Without warnings it appends nothing.
func (n *Notices) AppendTo(b []byte) []byte {
	if n == nil || len(n.list) == 0 {
		return b
	}
	list, err := json.Marshal(n.list)
	if err != nil {
		panic(err) // strings
	}
	return append(append(append(b, `"warnings":`...), list...), ',')
}
