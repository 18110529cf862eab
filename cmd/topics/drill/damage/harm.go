package damage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kind is a way to damage a directory.
type kind string

const (
	// none damages nothing: it holds that a directory which is whole is taken
	// as such.
	none kind = "none"
	// mixed takes parts of the directory from an earlier moment.
	mixed kind = "moments mixed"
)

// harm damages a directory once. It says what it did in words, and reports
// whether anything is different now.
type harm func(h *harmer) (words string, changed bool, err error)

// harms are the ways, with how often each is taken.
var harms = []struct {
	kind   kind
	weight int
	do     harm
}{
	{none, 1, nil},
	{"bit flipped", 6, (*harmer).flip},
	{"byte changed", 3, (*harmer).set},
	{"range zeroed", 3, (*harmer).zeroRange},
	{"page zeroed", 4, (*harmer).zeroPage},
	{"end zeroed", 3, (*harmer).zeroEnd},
	{"noise written", 3, (*harmer).noise},
	{"truncated", 3, (*harmer).truncate},
	{"appended to", 2, (*harmer).grow},
	{"file removed", 4, (*harmer).remove},
	{"files swapped", 3, (*harmer).swap},
	{"file doubled", 3, (*harmer).double},
	{mixed, 6, (*harmer).mix},
	{"directory dropped", 2, (*harmer).drop},
	{"manifest damaged", 4, (*harmer).manifest},
}

// harmer damages one directory.
type harmer struct {
	rng   *rand.Rand
	dir   string
	older []string // the same directory at other times
}

// draws bounds how often damage that would change nothing is drawn again.
const draws = 100

// run draws the damage and does it.
func (h *harmer) run() (k kind, words string, err error) {
	total := 0
	for _, w := range harms {
		total += w.weight
	}
	for range draws {
		n := h.rng.IntN(total)
		i := 0
		for ; n >= harms[i].weight; i++ {
			n -= harms[i].weight
		}
		if harms[i].do == nil {
			return none, "nothing", nil
		}
		words, changed, err := harms[i].do(h)
		if err != nil || changed {
			return harms[i].kind, words, err
		}
	}
	return none, "", errors.New("nothing in the directory can be damaged")
}

// areas are the parts of a directory, each as likely to be hit as the others,
// however many files it has.
var areas = []string{"data/wal", "data/checkpoints", "data/segments", "cold", "data"}

// files are the files of an area, by their path in the directory.
func (h *harmer) files(area string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, area))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			out = append(out, area+"/"+e.Name())
		}
	}
	return out, nil
}

// pick draws an area that has files, and one of them.
func (h *harmer) pick() (string, error) {
	for {
		files, err := h.files(areas[h.rng.IntN(len(areas))])
		if err != nil {
			return "", err
		}
		if len(files) > 0 {
			return files[h.rng.IntN(len(files))], nil
		}
	}
}

// edit draws a file and lets change make other bytes of it at a place that is
// drawn, which is most often where there is something.
func (h *harmer) edit(what string, change func(content []byte, at int) []byte) (string, bool, error) {
	name, err := h.pick()
	if err != nil {
		return "", false, err
	}
	return h.editFile(name, what, change)
}

func (h *harmer) editFile(name, what string, change func(content []byte, at int) []byte) (string, bool, error) {
	full := filepath.Join(h.dir, name)
	content, err := os.ReadFile(full)
	if err != nil {
		return "", false, err
	}
	if len(content) == 0 {
		return "", false, nil
	}
	at := h.offset(content)
	changed := change(bytes.Clone(content), at)
	if bytes.Equal(content, changed) {
		return "", false, nil
	}
	if err := os.WriteFile(full, changed, 0o600); err != nil {
		return "", false, err
	}
	return fmt.Sprintf("%s at offset %d of %s (%d bytes)", what, at, name, len(content)), true, nil
}

// offset draws a place in a file.
func (h *harmer) offset(content []byte) int {
	used := len(bytes.TrimRight(content, "\x00"))
	if used == 0 {
		return h.rng.IntN(len(content))
	}
	switch h.rng.IntN(8) {
	case 0: // the beginning
		return h.rng.IntN(min(64, len(content)))
	case 1: // anywhere
		return h.rng.IntN(len(content))
	case 2, 3: // where the newest is
		return used - 1 - h.rng.IntN(min(used, 4096))
	}
	return h.rng.IntN(used)
}

func (h *harmer) flip() (string, bool, error) {
	bit := h.rng.IntN(8)
	return h.edit(fmt.Sprintf("bit %d flipped", bit), func(b []byte, at int) []byte {
		b[at] ^= 1 << bit
		return b
	})
}

func (h *harmer) set() (string, bool, error) {
	value := byte(h.rng.Uint32())
	return h.edit(fmt.Sprintf("byte set to %d", value), func(b []byte, at int) []byte {
		b[at] = value
		return b
	})
}

func (h *harmer) zeroRange() (string, bool, error) {
	n := 1 << h.rng.IntN(17)
	return h.edit(fmt.Sprintf("%d bytes zeroed", n), func(b []byte, at int) []byte {
		clear(b[at:min(at+n, len(b))])
		return b
	})
}

const page = 4096

func (h *harmer) zeroPage() (string, bool, error) {
	return h.edit("the page zeroed", func(b []byte, at int) []byte {
		at &^= page - 1
		clear(b[at:min(at+page, len(b))])
		return b
	})
}

func (h *harmer) zeroEnd() (string, bool, error) {
	return h.edit("everything zeroed", func(b []byte, at int) []byte {
		clear(b[at:])
		return b
	})
}

func (h *harmer) noise() (string, bool, error) {
	noise := h.bytes(1 << h.rng.IntN(13))
	return h.edit(fmt.Sprintf("%d bytes of noise", len(noise)), func(b []byte, at int) []byte {
		copy(b[at:], noise)
		return b
	})
}

func (h *harmer) truncate() (string, bool, error) {
	return h.edit("cut", func(b []byte, at int) []byte { return b[:at] })
}

func (h *harmer) grow() (string, bool, error) {
	more := h.bytes(1 + h.rng.IntN(8192))
	if h.rng.IntN(2) == 0 {
		clear(more)
	}
	return h.edit(fmt.Sprintf("%d bytes appended (zeros: %v), drawn", len(more), zeros(more)), func(b []byte, _ int) []byte {
		return append(b, more...)
	})
}

func (h *harmer) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.rng.Uint32())
	}
	return b
}

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

// next is the name like a's with the next free number; empty: its name has
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
		var w string
		var changed bool
		var err error
		if h.rng.IntN(2) == 0 {
			w, changed, err = name+" removed", true, os.Remove(filepath.Join(h.dir, name))
		} else {
			w, changed, err = h.editFile(name, "bit flipped", func(b []byte, at int) []byte { b[at] ^= 4; return b })
		}
		if err != nil || !changed {
			return "", false, err
		}
		words = append(words, w)
	}
	return strings.Join(words, ", "), true, nil
}
