package damage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// units are what may come from another moment.
var units = []string{"data/wal", "data/checkpoints", "data/segments", "cold", "data/MANIFEST", "data/MANIFEST.prev"}

// mix takes a part of the directory from an earlier moment. The log never comes
// with its manifest: that would be the directory of that moment.
func (h *harmer) mix() (string, bool, error) {
	if len(h.older) == 0 {
		return "", false, nil
	}
	n := h.rng.IntN(len(h.older))
	from := h.older[n]
	if h.rng.IntN(3) == 0 {
		return h.mixFile(n)
	}
	var taken []string
	changed := false
	for _, u := range units {
		if h.rng.IntN(3) > 0 || u == "data/MANIFEST" && slices.Contains(taken, "data/wal") {
			continue
		}
		taken = append(taken, u)
		differs, err := h.take(from, u)
		if err != nil {
			return "", false, err
		}
		changed = changed || differs
	}
	return fmt.Sprintf("%s of moment %d", strings.Join(taken, ", "), n), changed, nil
}

// mixFile takes one file from an earlier moment.
func (h *harmer) mixFile(n int) (string, bool, error) {
	there := &harmer{rng: h.rng, dir: h.older[n]}
	name, err := there.pick()
	if err != nil {
		return "", false, err
	}
	content, err := os.ReadFile(filepath.Join(there.dir, name))
	if err != nil {
		return "", false, err
	}
	full := filepath.Join(h.dir, name)
	old, err := os.ReadFile(full)
	if err == nil && bytes.Equal(old, content) {
		return "", false, nil
	}
	if err = os.MkdirAll(filepath.Dir(full), 0o700); err == nil {
		err = os.WriteFile(full, content, 0o600)
	}
	return fmt.Sprintf("%s of moment %d", name, n), err == nil, err
}

// take replaces a part by that of another directory. It reports whether they
// differed.
func (h *harmer) take(from, unit string) (bool, error) {
	differs, err := differ(filepath.Join(h.dir, unit), filepath.Join(from, unit))
	if err != nil || !differs {
		return false, err
	}
	if err := os.RemoveAll(filepath.Join(h.dir, unit)); err != nil {
		return false, err
	}
	err = copyTree(filepath.Join(from, unit), filepath.Join(h.dir, unit))
	return true, err
}

// differ compares two files or flat directories.
func differ(a, b string) (bool, error) {
	first, err := contentOf(a)
	if err != nil {
		return false, err
	}
	second, err := contentOf(b)
	if err != nil || len(first) != len(second) {
		return true, err
	}
	for name, content := range first {
		if other, ok := second[name]; !ok || !bytes.Equal(content, other) {
			return true, nil
		}
	}
	return false, nil
}

func contentOf(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		out[rel], err = os.ReadFile(name)
		return err
	})
	return out, err
}
