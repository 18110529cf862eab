package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/spelling"
)

// maxWarnings is how many warnings an answer has at most, and maxQuoted how
// much of an unknown name each shows, in bytes.
const (
	maxWarnings = 10
	maxQuoted   = 64
)

// notices collects what is suspicious about a request and was let pass: names
// that nothing knows, records without data. They become the answer's warnings,
// unless the client is strict: then the first of them is an error. A nil
// *notices drops everything.
type notices struct {
	strict bool
	list   []string
}

// add notes a warning. In strict mode it returns the error that takes its
// place, about the field.
func (n *notices) add(field, warning string) error {
	switch {
	case n == nil:
	case n.strict:
		e := invalid("%s", warning)
		e.Detail = map[string]any{"field": field}
		return e
	case len(n.list) < maxWarnings:
		n.list = append(n.list, warning)
	}
	return nil
}

// full reports whether a warning more would be dropped: there is no need to make
// it then.
func (n *notices) full() bool { return n == nil || !n.strict && len(n.list) >= maxWarnings }

// unknown describes a name that is none of those known. place, unless empty,
// is where it stands, and what it would have been: a field or a parameter.
func unknown(place, what, name string, known []string) string {
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

// appendWarnings renders the member of an answer, with a comma after it, if
// there are any.
func appendWarnings(b []byte, n *notices) []byte {
	if n == nil || len(n.list) == 0 {
		return b
	}
	list, err := json.Marshal(n.list)
	if err != nil {
		panic(err) // strings
	}
	return append(append(append(b, `"warnings":`...), list...), ',')
}

// isStrict reads what makes a call strict, and refuses a value that is neither
// yes nor no.
func (c *call) isStrict() (bool, error) {
	strict := false
	if v := c.r.Header.Get("X-Strict"); v != "" {
		switch strings.ToLower(v) {
		case "true", "1":
			strict = true
		case "false", "0":
		default:
			return false, invalidField("X-Strict", "%q is none of true, false, 1, 0", v)
		}
	}
	if c.r.URL.RawQuery == "" {
		return strict, nil
	}
	query, err := c.query()
	if err != nil {
		return false, err
	}
	p := params{Values: query}
	return p.bool("strict", strict), p.err
}

// checkQuery notes the names in the query that the route does not have.
func (c *call) checkQuery() error {
	var err error
	if c.notices.strict, err = c.isStrict(); err != nil || c.r.URL.RawQuery == "" {
		return err
	}
	query, err := c.query()
	if err != nil {
		return err
	}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	known := append([]string{"strict"}, c.route.query()...)
	for _, name := range names {
		if slices.Contains(known, name) || c.notices.full() {
			continue
		}
		if err := c.notices.add(name, unknown("query", "parameter", name, known)); err != nil {
			return err
		}
	}
	return nil
}
