package call

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// Keyring is the keys that are known at a time, and what each has under way.
// It is immutable; the accounts are not.
type Keyring struct {
	keys     *auth.Keys
	accounts map[*auth.Key]*account
}

func newKeyring(keys *auth.Keys) *Keyring {
	ring := &Keyring{keys: keys, accounts: make(map[*auth.Key]*account, keys.Len())}
	for _, k := range keys.All() {
		ring.accounts[k] = new(account)
	}
	return ring
}

// renew is the ring of other keys. Keys that are in both keep their accounts.
func (ring *Keyring) renew(keys *auth.Keys) *Keyring {
	next := newKeyring(ring.keys.Renew(keys))
	for k := range next.accounts {
		if a := ring.accounts[k]; a != nil {
			next.accounts[k] = a
		}
	}
	return next
}

// sharer is the account of a key that shares the server's memory with others;
// nil where there is one key at most.
func (ring *Keyring) sharer(k *auth.Key) *account {
	if len(ring.accounts) < 2 {
		return nil
	}
	return ring.accounts[k]
}

// Knows reports whether a key is in the ring. Without keys, every caller's key
// is.
func (ring *Keyring) Knows(k *auth.Key) bool {
	return ring.keys.Len() == 0 || ring.accounts[k] != nil
}

// ErrRevoked ends what belongs to a key that is not known any more.
var ErrRevoked = &wire.Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "the key is not known any more"}

// Len returns how many keys there are.
func (ring *Keyring) Len() int { return ring.keys.Len() }

// Find returns the key of a secret, or nil.
func (ring *Keyring) Find(secret string) *auth.Key { return ring.keys.Find(secret) }

// SharesMemory reports whether the call's key has a share of the memory of its own,
// because there are others.
func (c *Call) SharesMemory() bool { return c.account != nil }
