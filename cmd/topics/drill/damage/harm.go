package damage

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// harm damages a directory once. It returns what it did in words, and whether
// anything is different now.
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
	{"manifest and end of the log damaged", 3, (*harmer).proof},
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
