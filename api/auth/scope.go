package auth

import "strings"

// Scope is a set of rights: those that a key has, or those that a route
// requires. The zero value means that nothing was declared; a route that
// requires no right has None.
type Scope uint8

// The rights, and None.
const (
	Read Scope = 1 << iota
	Write
	Delete
	AdminRead  // inspect the server
	AdminWrite // administer the server, and change the config of topics and routers
	None       // no right is required: any key is accepted
)

// Admin is both administrator's rights, and All is every right.
const (
	Admin = AdminRead | AdminWrite
	All   = Read | Write | Delete | Admin
)

// rights has the names of scopes in the order in which String writes them. A
// name for several rights precedes those of the single rights.
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

// String returns the rights joined by plus signs.
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

// Names returns the names of the single rights: those of admin are admin-read and
// admin-write.
func (s Scope) Names() []string {
	names := []string{}
	for _, r := range rights {
		if r.scope != Admin && s&r.scope != 0 {
			names = append(names, r.name)
		}
	}
	return names
}

// scopeOf returns the scope for a word of the key syntax.
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
