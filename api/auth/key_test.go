package auth

import (
	"crypto/subtle"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func mustParse(t testing.TB, list string) *Keys {
	t.Helper()
	keys, err := Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestRightsAndNames(t *testing.T) {
	k := mustParse(t, "aaaaaa:r+d:orders|tenant7:").All()[0]
	if k.Missing(Read) != 0 || k.Missing(Read|Delete) != 0 || k.Missing(None) != 0 {
		t.Error("misses what it has")
	}
	if k.Missing(Read|Write) != Write || k.Missing(All) != Write|Admin {
		t.Error("has what it misses")
	}
	for name, want := range map[string]bool{
		"orders": true, "orders2": true, "tenant7:x": true, "tenant7": false, "order": false, "": false, "xorders": false,
	} {
		if k.Sees(name) != want {
			t.Errorf("sees %q: %t", name, !want)
		}
	}
	open, noKey := Open(), Anonymous()
	if open.Missing(All) != 0 || !open.Sees("x") || !open.SeesAll() {
		t.Error("the open key is not open")
	}
	if noKey.Missing(All) != All || noKey.Sees("x") || noKey.SeesAll() || noKey.Within("") != nil {
		t.Error("a request without a key may do something")
	}
}

// For any prefixes of a key and any requested prefix, the names in all ranges
// together are the sorted names that the key sees.
func TestWithinIsWhatIsSeen(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		b := make([]byte, 1+rng.IntN(most))
		for i := range b {
			b[i] = 'a' + byte(rng.IntN(2))
		}
		return string(b)
	}
	for range 2000 {
		var prefixes, names []string
		for range rng.IntN(5) {
			prefixes = append(prefixes, word(4))
		}
		for range 30 {
			names = append(names, word(6))
		}
		slices.Sort(names)
		names = slices.Compact(names)
		k := newKey("s", All, prefixes)
		asked := ""
		if rng.IntN(2) == 0 {
			asked = word(3)
		}
		var want, got []string
		for _, n := range names {
			if k.Sees(n) && strings.HasPrefix(n, asked) {
				want = append(want, n)
			}
		}
		for _, p := range k.Within(asked) {
			for _, n := range names {
				if strings.HasPrefix(n, p) {
					got = append(got, n)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("prefixes %q asked for %q: %q, want %q", prefixes, asked, got, want)
		}
	}
}

func TestNothingOfASecretIsKept(t *testing.T) {
	k := mustParse(t, "hush-hush-hush:r").All()[0]
	if shown := fmt.Sprintf("%+v %#v %s", k, k, k.ID); strings.Contains(shown, "hush") {
		t.Error(shown)
	}
	if len(k.ID) != 2*idBytes {
		t.Errorf("id %s", k.ID)
	}
}

// Every search compares all bytes with every key, whether the secret is that of
// the first key, of the last one, or unknown.
func TestSearchesCompareWithEveryKey(t *testing.T) {
	keys := mustParse(t, "first,second,third,last")
	for _, secret := range []string{"first", "third", "last", "unknown", "", strings.Repeat("x", 4096)} {
		compared := 0
		found := keys.find(secret, func(a, b []byte) int {
			if len(a) != 32 || len(b) != 32 {
				t.Errorf("%d bytes compared with %d", len(a), len(b))
			}
			compared++
			return subtle.ConstantTimeCompare(a, b)
		})
		if compared != keys.Len() {
			t.Errorf("%q: compared with %d keys of %d", secret, compared, keys.Len())
		}
		if known := slices.Contains([]string{"first", "third", "last"}, secret); (found != nil) != known {
			t.Errorf("%q: %v", secret, found)
		}
	}
	var none *Keys
	if none.Find("x") != nil || none.Len() != 0 || new(Keys).Find("x") != nil {
		t.Error("a key found among none")
	}
}

func BenchmarkFind(b *testing.B) {
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf("secret-number-%d", i))
	}
	keys := mustParse(b, strings.Join(list, ","))
	for _, secret := range []string{"secret-number-0", "secret-number-99", "secret-number-x"} {
		b.Run(secret, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keys.Find(secret)
			}
		})
	}
}
