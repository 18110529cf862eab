package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
)

// Keys are the keys that a server knows. The zero value knows none.
type Keys struct {
	keys []*Key
}

// Len is how many keys there are.
func (k *Keys) Len() int {
	if k == nil {
		return 0
	}
	return len(k.keys)
}

// All returns the keys in the order they were given; it must not be changed.
func (k *Keys) All() []*Key {
	if k == nil {
		return nil
	}
	return k.keys
}

// Find returns the key with this secret, or nil. It compares digests, in
// constant time, and always with every key: how long it takes says nothing of
// the secret, nor of whether and where it was found.
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

// Renew returns the keys of next. Those that k has with the same scopes and
// prefixes are the very *Key values of k, so that what belongs to a key goes on
// belonging to it.
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
