package damage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// directory makes a directory with files of each area, in which there is
// nothing but a seed's bytes.
func directory(t *testing.T, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, name := range []string{
		"data/MANIFEST", "data/MANIFEST.prev", "data/wal/0000000000000001.wal", "data/wal/0000000000000002.wal",
		"data/checkpoints/0000000000000001.state", "data/segments/0000000000000001.seg", "data/segments/0000000000000001.idx",
		"cold/0000000000000002.seg",
	} {
		content := make([]byte, 10_000)
		for i := range content[:5000] {
			content[i] = byte(rng.Uint32())
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every kind of damage makes a difference when it says so and none when it does
// not, and the same seed does the same.
func TestHarms(t *testing.T) {
	older := directory(t, 2)
	for _, kind := range harms {
		if kind.do == nil {
			continue
		}
		t.Run(string(kind.kind), func(t *testing.T) {
			done := 0
			for seed := range uint64(6) {
				var got [2]string
				var after [2]map[string][]byte
				for i := range got {
					dir := directory(t, 1)
					before, err := contentOf(dir)
					if err != nil {
						t.Fatal(err)
					}
					h := &harmer{rng: rand.New(rand.NewPCG(seed, 0)), dir: dir, older: []string{older}}
					words, changed, err := kind.do(h)
					if err != nil {
						t.Fatal(err)
					}
					if after[i], err = contentOf(dir); err != nil {
						t.Fatal(err)
					}
					if differs := !same(before, after[i]); differs != changed {
						t.Fatalf("seed %d, %s: says %v, is %v", seed, words, changed, differs)
					}
					if got[i] = words; changed {
						done++
					}
				}
				if got[0] != got[1] || !same(after[0], after[1]) {
					t.Fatalf("seed %d: %s, then %s", seed, got[0], got[1])
				}
			}
			if done == 0 {
				t.Error("it never damages anything")
			}
		})
	}
}

func same(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for name, content := range a {
		if other, ok := b[name]; !ok || !bytes.Equal(content, other) {
			return false
		}
	}
	return true
}

// The log and its manifest never come from the same earlier moment.
func TestMixIsNoRollback(t *testing.T) {
	older := directory(t, 2)
	was, err := contentOf(older)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(30) {
		dir := directory(t, 1)
		h := &harmer{rng: rand.New(rand.NewPCG(seed, 0)), dir: dir, older: []string{older}}
		words, _, err := h.mix()
		if err != nil {
			t.Fatal(err)
		}
		is, err := contentOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		of := func(name string) bool { return bytes.Equal(is[name], was[name]) }
		if of("data/MANIFEST") && of(fmt.Sprintf("data/wal/%016x.wal", 1)) {
			t.Fatalf("seed %d: %s", seed, words)
		}
	}
}
