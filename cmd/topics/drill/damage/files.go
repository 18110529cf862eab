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

func (h *harmer) remove() (string, bool, error) {
	name, err := h.pick()
	if err == nil {
		err = os.Remove(filepath.Join(h.dir, name))
	}
	return name + " removed", err == nil, err
}

// two draws two files: most often of one area.
func (h *harmer) two() (a, b string, err error) {
	if a, err = h.pick(); err != nil {
		return "", "", err
	}
	if h.rng.IntN(4) == 0 {
		b, err = h.pick()
		return a, b, err
	}
	files, err := h.files(filepath.Dir(a))
	if err != nil {
		return "", "", err
	}
	return a, files[h.rng.IntN(len(files))], nil
}

func (h *harmer) swap() (string, bool, error) {
	a, b, err := h.two()
	if err != nil {
		return "", false, err
	}
	first, err := os.ReadFile(filepath.Join(h.dir, a))
	if err != nil {
		return "", false, err
	}
	second, err := os.ReadFile(filepath.Join(h.dir, b))
	if err != nil || bytes.Equal(first, second) {
		return "", false, err
	}
	err = errors.Join(os.WriteFile(filepath.Join(h.dir, a), second, 0o600), os.WriteFile(filepath.Join(h.dir, b), first, 0o600))
	return fmt.Sprintf("%s and %s swapped", a, b), err == nil, err
}

// double writes a copy of a file over another, or under the next free name.
func (h *harmer) double() (string, bool, error) {
	a, b, err := h.two()
	if err != nil {
		return "", false, err
	}
	if h.rng.IntN(3) == 0 {
		if b = h.next(a); b == "" {
			return "", false, nil
		}
	}
	content, err := os.ReadFile(filepath.Join(h.dir, a))
	if err != nil {
		return "", false, err
	}
	old, err := os.ReadFile(filepath.Join(h.dir, b))
	if err == nil && bytes.Equal(content, old) {
		return "", false, nil
	}
	err = os.WriteFile(filepath.Join(h.dir, b), content, 0o600)
	return fmt.Sprintf("%s copied to %s", a, b), err == nil, err
}

// next returns a name like a's with the next free number, or "" if its name has
// none.
func (h *harmer) next(a string) string {
	dir, base := filepath.Split(a)
	stem, suffix, _ := strings.Cut(base, ".")
	var number uint64
	if n, err := fmt.Sscanf(stem, "%16x", &number); n != 1 || err != nil {
		return ""
	}
	for {
		number++
		name := fmt.Sprintf("%s%016x.%s", dir, number, suffix)
		if _, err := os.Stat(filepath.Join(h.dir, name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
}

// drop removes a whole directory.
func (h *harmer) drop() (string, bool, error) {
	area := areas[h.rng.IntN(len(areas)-1)] // not data itself
	files, err := h.files(area)
	if err != nil || len(files) == 0 {
		return "", false, err
	}
	full := filepath.Join(h.dir, area)
	if err := os.RemoveAll(full); err != nil {
		return "", false, err
	}
	if h.rng.IntN(2) == 0 {
		return area + " emptied", true, os.Mkdir(full, 0o700)
	}
	return area + " removed", true, nil
}

// manifest damages the manifest, the one before it, or both.
func (h *harmer) manifest() (string, bool, error) {
	var words []string
	which := 1 + h.rng.IntN(3)
	for i, name := range []string{"data/MANIFEST", "data/MANIFEST.prev"} {
		if which&(1<<i) == 0 {
			continue
		}
		w, changed, err := h.spoil(name)
		if err != nil || !changed {
			return "", false, err
		}
		words = append(words, w)
	}
	return strings.Join(words, ", "), true, nil
}

// spoil removes a file or flips a bit of it.
func (h *harmer) spoil(name string) (string, bool, error) {
	if h.rng.IntN(2) == 0 {
		return name + " removed", true, os.Remove(filepath.Join(h.dir, name))
	}
	return h.editFile(name, "bit flipped", func(b []byte, at int) []byte {
		b[at] ^= 4
		return b
	})
}

// proof damages the newest file of the log that has anything in it, its header
// half of the time, and the manifest, which may have proven what was there.
func (h *harmer) proof() (string, bool, error) {
	name, content, err := h.newestLog()
	if err != nil || name == "" {
		return "", false, err
	}
	at := h.offset(content)
	if h.rng.IntN(2) == 0 {
		at = h.rng.IntN(logHeader)
	}
	content[at] ^= 1 << h.rng.IntN(8)
	if err := os.WriteFile(filepath.Join(h.dir, name), content, 0o600); err != nil {
		return "", false, err
	}
	words, _, err := h.spoil("data/MANIFEST")
	return fmt.Sprintf("bit flipped at offset %d of %s, %s", at, name, words), true, err
}

// newestLog returns the newest file of the log that is not all zeros, or no name.
func (h *harmer) newestLog() (name string, content []byte, err error) {
	files, err := h.files("data/wal")
	if err != nil {
		return "", nil, err
	}
	for _, name := range slices.Backward(files) {
		content, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil || len(content) > logHeader && !zeros(content) {
			return name, content, err
		}
	}
	return "", nil, nil
}
