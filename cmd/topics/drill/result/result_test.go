package result

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type outcome struct {
	Breaches int64 `json:"broken"`
}

func (o outcome) Broken() int64 { return o.Breaches }

func (o outcome) WriteTable(w io.Writer) error {
	_, err := fmt.Fprintln(w, "table of", o.Breaches)
	return err
}

// A drill that kept its promises leaves nothing and no error; another one is an
// error, and leaves its directory if that is wanted.
func TestEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		drill  Drill
		broken int64
		out    string
		err    string
		kept   bool
	}{
		"kept all":           {Drill{Keep: true}, 0, "table of 0", "", false},
		"broken":             {Drill{}, 2, "table of 2", "drill 7: 2 promises were broken", false},
		"broken, kept":       {Drill{Keep: true}, 2, "table of 2", "drill 7: 2 promises were broken", true},
		"not finished":       {Drill{Err: io.ErrUnexpectedEOF}, 2, "table of 2", "drill 7: unexpected EOF", false},
		"not finished, kept": {Drill{Err: io.ErrUnexpectedEOF, Keep: true}, 0, "table of 0", "drill 7: unexpected EOF", true},
		"JSON":               {Drill{JSON: true}, 0, `"broken": 0`, "", false},
	} {
		tc.drill.Name, tc.drill.Dir = "drill 7", filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(tc.drill.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := tc.drill.End(outcome{tc.broken}, &out)
		if said := fmt.Sprint(err); err == nil && tc.err != "" || err != nil && said != tc.err {
			t.Errorf("%s: error %q, want %q", name, said, tc.err)
		}
		if tc.drill.Err != nil && !errors.Is(err, tc.drill.Err) {
			t.Errorf("%s: %v does not wrap the cause", name, err)
		}
		if !strings.Contains(out.String(), tc.out) {
			t.Errorf("%s: printed %q", name, &out)
		}
		if _, err := os.Stat(tc.drill.Dir); (err == nil) != tc.kept {
			t.Errorf("%s: the directory: %v, want kept %v", name, err, tc.kept)
		}
	}
}
