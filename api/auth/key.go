// Package auth implements API keys: their syntax, their rights, and how to find
// the key of a request. It does not know about HTTP, and keeps only the SHA-256
// digest of a secret.
package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Key identifies the sender of a request and has its rights. It is immutable.
type Key struct {
	// ID identifies the key in logs. It is the beginning of the digest, and
	// reveals nothing of the secret.
	ID string

	scopes   Scope
	prefixes []string // sorted, none is a prefix of another; nil allows all names
	digest   [sha256.Size]byte
}

// anonymousID is the ID of requests without a key.
const anonymousID = "anonymous"

// Open returns the key of all requests if no keys are configured. It has all
// rights.
func Open() *Key { return &Key{ID: anonymousID, scopes: All} }

// Anonymous returns the key of a request without one, where that is allowed. It
// has no scope and sees no names.
func Anonymous() *Key { return noKey }

var noKey = &Key{ID: anonymousID, prefixes: []string{}}

// idBytes is how many bytes of the digest are in an ID: enough to distinguish
// keys.
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

// Missing returns the rights in s that the key does not have, or 0.
func (k *Key) Missing(s Scope) Scope { return s & All &^ k.scopes }

// Scopes returns the rights of the key.
func (k *Key) Scopes() Scope { return k.scopes }

// Prefixes returns what the names that the key sees begin with. Of a key that
// sees all names, and of one that sees none, it is empty.
func (k *Key) Prefixes() []string { return slices.Clone(k.prefixes) }

// Sees reports whether the key may access topics and routers with this name.
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

// SeesAll reports whether the key is not restricted to prefixes.
func (k *Key) SeesAll() bool { return k.prefixes == nil }

// Within returns the prefixes of all names that begin with prefix and that the
// key sees. They are sorted and none is a prefix of another, so listing their
// names one prefix after the other gives a sorted list.
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

// disjoint sorts prefixes and removes those that begin with another one.
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
