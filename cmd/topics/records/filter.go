package records

import (
	"strings"

	"github.com/e6e95bb8/topics/api/client"
)

// Filter selects records.
type Filter struct {
	Tag     string   `placeholder:"TAG|PREFIX*" help:"Only records with this tag, or whose tag begins with what stands before a final *."`
	Node    string   `placeholder:"NODE" help:"Only records of this node."`
	NotNode []string `placeholder:"NODE" help:"Leave out the records of these nodes."`
}

// match returns the predicate of the tag, or nil.
func (f *Filter) match() []string { return Match(f.Tag) }

// Match returns the predicate for a tag, or for a prefix before a final *. It
// returns nil for an empty pattern.
func Match(pattern string) []string {
	switch {
	case pattern == "":
		return nil
	case strings.HasSuffix(pattern, "*"):
		return []string{"tag", "Glob", pattern}
	}
	return []string{"tag", "Eq", pattern}
}

// passes applies what the server does not.
func (f *Filter) passes(r *client.Record) bool {
	return f.Node == "" || r.Node != nil && *r.Node == f.Node
}
