package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
)

// Keys is the set of keys of a server. The zero value is empty.
type Keys struct {
	keys []*Key
}

// Len returns the number of keys.
func (k *Keys) Len() int {
	if k == nil {
		return 0
	}
	return len(k.keys)
}

// All returns the keys in the order in which they were given. The caller must
// not modify the slice.
func (k *Keys) All() []*Key {
	if k == nil {
		return nil
	}
	return k.keys
}

// Find returns the key with this secret, or nil. It compares digests in
// constant time, and always with every key, so its duration reveals nothing of
// the secret, nor whether and where it was found.
func (k *Keys) Find(secret string) *Key {
	return k.find(secret, subtle.ConstantTimeCompare)
}

func (k *Keys) find(secret string, compare func(a, b []byte) int) *Key {
	digest := sha256.Sum256([]byte(secret))
	found := -1
	for i, key := range k.All() {
		found = subtle.ConstantTimeSelect(compare(digest[:], key.digest[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return k.keys[found]
}

// Renew returns the keys of next, except that keys which k has with the same
// scopes and prefixes are represented by the *Key values of k. So state that
// refers to a *Key stays valid.
func (k *Keys) Renew(next *Keys) *Keys {
	renewed := &Keys{keys: make([]*Key, 0, next.Len())}
	for _, key := range next.All() {
		if i := slices.IndexFunc(k.All(), key.equal); i >= 0 {
			key = k.keys[i]
		}
		renewed.keys = append(renewed.keys, key)
	}
	return renewed
}
