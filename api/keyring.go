package api

import (
	"net/http"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// keyring is the keys that are known at a time, and what each has under way.
// It is immutable; the accounts are not.
type keyring struct {
	keys     *auth.Keys
	accounts map[*auth.Key]*account
}

func newKeyring(keys *auth.Keys) *keyring {
	ring := &keyring{keys: keys, accounts: make(map[*auth.Key]*account, keys.Len())}
	for _, k := range keys.All() {
		ring.accounts[k] = new(account)
	}
	return ring
}

// renew is the ring of other keys. Keys that are in both keep their accounts.
func (ring *keyring) renew(keys *auth.Keys) *keyring {
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
func (ring *keyring) sharer(k *auth.Key) *account {
	if len(ring.accounts) < 2 {
		return nil
	}
	return ring.accounts[k]
}

// knows reports whether a key is in the ring. Without keys, every caller's key
// is.
func (ring *keyring) knows(k *auth.Key) bool {
	return ring.keys.Len() == 0 || ring.accounts[k] != nil
}

// ReplaceKeys makes other keys the ones that are known. The sessions, streams
// and WebSockets of keys that are gone, or that may do something else now, end;
// requests of theirs that are under way are answered. There must have been keys
// before, and be some now.
func (s *Server) ReplaceKeys(keys *auth.Keys) {
	next := s.ring.Load().renew(keys)
	s.ring.Store(next)
	gone := func(k *auth.Key) bool { return !next.knows(k) }
	for _, id := range s.watches.of(gone) {
		s.watches.remove(id, gone, errRevoked)
	}
	for _, w := range s.workers.list() {
		if gone(w.key) {
			w.end(errRevoked)
		}
	}
	for _, so := range s.sockets.list() {
		if gone(so.key) {
			so.dismiss(errRevoked)
		}
	}
}

// errRevoked ends what belongs to a key that is not known any more.
var errRevoked = &wire.Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "the key is not known any more"}
