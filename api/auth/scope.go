package auth

import "strings"

// Scope is what a key may do, or what a route needs: a set of the four rights.
// The zero value is no declaration at all; a route that needs no right says
// None.
type Scope uint8

// The rights, and None.
const (
	Read Scope = 1 << iota
	Write
	Delete
	Admin
	None // no right is needed: any key will do
)

// All is every right there is.
const All = Read | Write | Delete | Admin

// rights are the rights by their names, in the order they are written in.
var rights = []struct {
	scope       Scope
	name, short string
}{
	{Read, "read", "r"},
	{Write, "write", "w"},
	{Delete, "delete", "d"},
	{Admin, "admin", "a"},
}

// String is the rights joined by a plus sign.
func (s Scope) String() string {
	var names []string
	for _, r := range rights {
		if s&r.scope != 0 {
			names = append(names, r.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, "+")
}

// scopeOf finds a scope by a word of the key syntax.
func scopeOf(word string) (Scope, bool) {
	if word == "rw" {
		return Read | Write, true
	}
	for _, r := range rights {
		if word == r.name || word == r.short {
			return r.scope, true
		}
	}
	return 0, false
}
