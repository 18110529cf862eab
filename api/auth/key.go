// Package auth knows API keys: their syntax, what each may do, and how one is
// recognised. It knows nothing of HTTP, and of a secret it keeps the SHA-256
// digest only.
package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Key is who a request comes from and what it may do. It is immutable.
type Key struct {
	// ID stands for the key in logs: the start of its digest, never a part of
	// the secret.
	ID string

	scopes   Scope
	prefixes []string // sorted, none begins with another; nil: all names
	digest   [sha256.Size]byte
}

// anonymous is the ID of whoever comes without a key.
const anonymous = "anonymous"

// Open is the key of everybody where none are configured: it may do anything.
func Open() *Key { return &Key{ID: anonymous, scopes: All} }

// Nobody is the key of a request that came without one where that is allowed:
// it may do nothing that needs a scope, and sees no name.
func Nobody() *Key { return nobody }

var nobody = &Key{ID: anonymous, prefixes: []string{}}

// idBytes is how much of a digest is its ID: enough to tell keys apart.
const idBytes = 6

func newKey(secret string, scopes Scope, prefixes []string) *Key {
	digest := sha256.Sum256([]byte(secret))
	return &Key{
		ID:       hex.EncodeToString(digest[:idBytes]),
		scopes:   scopes,
		prefixes: disjoint(prefixes),
		digest:   digest,
	}
}

// equal reports whether two keys have the same secret and rights.
func (k *Key) equal(o *Key) bool {
	return k.digest == o.digest && k.scopes == o.scopes && slices.Equal(k.prefixes, o.prefixes)
}

// Missing is what of a scope the key does not have; 0: it has all of it.
func (k *Key) Missing(s Scope) Scope { return s & All &^ k.scopes }

// Sees reports whether the key may know of a topic or router of this name.
func (k *Key) Sees(name string) bool {
	if k.prefixes == nil {
		return true
	}
	for _, p := range k.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// SeesAll reports whether the key is bound to no prefixes.
func (k *Key) SeesAll() bool { return k.prefixes == nil }

// Within narrows a prefix to what the key sees: the names that begin with one
// of the returned prefixes are those that begin with prefix and are seen. They
// are sorted and none begins with another, so that their names, one prefix
// after the other, are sorted too.
func (k *Key) Within(prefix string) []string {
	if k.prefixes == nil {
		return []string{prefix}
	}
	var within []string
	for _, p := range k.prefixes {
		switch {
		case strings.HasPrefix(prefix, p):
			return []string{prefix}
		case strings.HasPrefix(p, prefix):
			within = append(within, p)
		}
	}
	return within
}

// disjoint sorts prefixes and leaves out those that begin with another.
func disjoint(prefixes []string) []string {
	if len(prefixes) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(prefixes))
	out := sorted[:1]
	for _, p := range sorted[1:] {
		if !strings.HasPrefix(p, out[len(out)-1]) {
			out = append(out, p)
		}
	}
	return out
}
