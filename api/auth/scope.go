package auth

import "strings"

// Scope is what a key may do, or what a route needs: a set of rights.
// The zero value is no declaration at all; a route that needs no right says
// None.
type Scope uint8

// The rights, and None.
const (
	Read Scope = 1 << iota
	Write
	Delete
	AdminRead  // look at how the server runs
	AdminWrite // change it, and the config of topics and routers
	None       // no right is needed: any key will do
)

// Admin is both of the administrator's rights, and All every right there is.
const (
	Admin = AdminRead | AdminWrite
	All   = Read | Write | Delete | Admin
)

// rights are the words of scopes, in the order they are written in. A word for
// several rights stands before those for each.
var rights = []struct {
	scope       Scope
	name, short string
}{
	{Read, "read", "r"},
	{Write, "write", "w"},
	{Delete, "delete", "d"},
	{Admin, "admin", "a"},
	{AdminRead, "admin-read", "ar"},
	{AdminWrite, "admin-write", "aw"},
}

// String is the rights joined by a plus sign.
func (s Scope) String() string {
	var names []string
	for _, r := range rights {
		if s&r.scope == r.scope {
			names = append(names, r.name)
			s &^= r.scope
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
