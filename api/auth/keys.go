package auth

import (
	"crypto/sha256"
	"crypto/subtle"
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
