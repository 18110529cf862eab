package load

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func input10() string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, `{"data": {"i": %d.0, "s":"\u00e9"},"tag":"t-%d","node":"n","meta":{"k" :1}}`+"\n", i, i)
	}
	return b.String()
}

// loading runs one load against the fake, in batches of 3.
func loading(t *testing.T, f *fake, stdin string, change func(*Cmd)) (stdout, stderr string, err error) {
	t.Helper()
	if f.keys == nil {
		f.keys = map[string]int{}
	}
	srv := httptest.NewServer(f)
	defer srv.Close()
	c := &Cmd{File: "-", Topic: "t", Batch: 3, BatchBytes: 1 << 20, Flags: remote.Flags{URL: srv.URL, Wait: 5 * time.Second}}
	if change != nil {
		change(c)
	}
	var out, errs bytes.Buffer
	err = c.run(context.Background(), strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), err
}

// whole fails the test unless the fake has the ten records in order.
func whole(t *testing.T, f *fake) {
	t.Helper()
	if len(f.records) != 10 {
		t.Fatalf("%d records, want 10", len(f.records))
	}
	for i, r := range f.records {
		if want := fmt.Sprintf(`{"i": %d.0, "s":"\u00e9"}`, i); string(r["data"]) != want {
			t.Errorf("record %d is %s, want %s", i, r["data"], want)
		}
	}
}

func TestLoadsInOrder(t *testing.T) {
	f := new(fake)
	out, _, err := loading(t, f, input10(), nil)
	if err != nil || !strings.HasPrefix(out, "t: 10 records, ") {
		t.Fatal(out, err)
	}
	whole(t, f)
	if f.writes != 4 {
		t.Errorf("%d writes, want 4", f.writes)
	}
}

func TestStartsAgainBehindWhatIsThere(t *testing.T) {
	for there := range 11 {
		f := new(fake)
		head := strings.Join(strings.SplitAfter(input10(), "\n")[:there], "")
		if _, _, err := loading(t, f, head, nil); err != nil {
			t.Fatal(err)
		}
		out, _, err := loading(t, f, input10(), nil)
		if err != nil || !strings.HasPrefix(out, fmt.Sprintf("t: %d records, ", 10-there)) {
			t.Errorf("with %d there: %s %v", there, out, err)
		}
		whole(t, f)
	}
}

func TestFaultsInTheMiddle(t *testing.T) {
	hangUp := func(w http.ResponseWriter) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	}
	for name, fault := range map[string]func(f *fake, n int, w http.ResponseWriter, apply func()) bool{
		"not ready": func(_ *fake, n int, w http.ResponseWriter, _ func()) bool {
			if n == 2 {
				refuse(w, 503, "not_ready", 0)
			}
			return n == 2
		},
		"connection lost before the write": func(_ *fake, n int, w http.ResponseWriter, _ func()) bool {
			if n == 2 {
				hangUp(w)
			}
			return n == 2
		},
		"answer lost after the write": func(_ *fake, n int, w http.ResponseWriter, apply func()) bool {
			if n == 2 {
				apply()
				hangUp(w)
			}
			return n == 2
		},
		"answer lost and key forgotten": func(f *fake, n int, w http.ResponseWriter, apply func()) bool {
			if n == 2 {
				apply()
				f.keys = map[string]int{}
				hangUp(w)
			}
			return n == 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{fault: fault}
			_, said, err := loading(t, f, input10(), nil)
			if err != nil {
				t.Fatal(err)
			}
			whole(t, f)
			if !strings.Contains(said, "waiting for the server") || !strings.Contains(said, "the server is back") {
				t.Errorf("said %q", said)
			}
		})
	}
}

func TestRefusesWhatItDidNotLoad(t *testing.T) {
	other := func(n int) func(f *fake) {
		return func(f *fake) {
			f.created = true
			for range n {
				f.records = append(f.records, map[string]json.RawMessage{"data": json.RawMessage(`"other"`)})
			}
		}
	}
	intruder := func(f *fake, n int, _ http.ResponseWriter, _ func()) bool {
		if n == 2 {
			other(1)(f)
		}
		return false
	}
	back := func(f *fake, n int, _ http.ResponseWriter, _ func()) bool {
		if n == 3 {
			f.records = f.records[:3]
		}
		return false
	}
	for _, tt := range []struct {
		name   string
		there  func(*fake)
		fault  func(*fake, int, http.ResponseWriter, func()) bool
		change func(*Cmd)
		want   string
	}{
		{"another record at the head", other(4), nil, nil, "record 4 of topic \"t\" is not record 4 of the input"},
		{"more records than lines", other(11), nil, nil, "has 11 records but standard input only 10"},
		{"another durability", other(0), nil, func(c *Cmd) { c.Durability = "disk" }, "exists and is fsync, not disk"},
		{"another writer", func(*fake) {}, intruder, nil, "is at seq 4: something else writes to it"},
		{"lost records", func(*fake) {}, back, nil, "went back to seq 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{fault: tt.fault}
			tt.there(f)
			_, _, err := loading(t, f, input10(), tt.change)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestBadLineStopsItsBatch(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`{"data":1`, "line 6 is not a JSON object"},
		{`[1]`, "line 6 is not a JSON object"},
		{`null`, "line 6 is not a JSON object"},
		{`{"tag":"x"}`, `line 6 has no "data"`},
		{`{"Data":1}`, `line 6 has no "data"`},
		{`{"data":1,"meta":[]}`, `line 6 has a "meta" that is not an object`},
		{`{"data":1,"tag":5}`, `line 6 has a "tag" that is not a string`},
		{"{\"data\":\"\xff\"}", "line 6 is not UTF-8"},
	} {
		lines := strings.SplitAfter(input10(), "\n")
		lines[4] = "\n" + tt.line + "\r\n" // blank lines are counted as lines, but are not records
		f := new(fake)
		_, _, err := loading(t, f, strings.Join(lines, ""), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.line, err, tt.want)
		}
		if len(f.records) != 3 {
			t.Errorf("%s: %d records were sent, want the 3 of the batch before", tt.line, len(f.records))
		}
	}
}

func TestFilesAreUnpacked(t *testing.T) {
	dir := t.TempDir()
	pack := map[string]func(io.Writer) io.WriteCloser{
		"plain.jsonl":     func(w io.Writer) io.WriteCloser { return nopCloser{w} },
		"packed.jsonl.gz": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"packed.jsonl.zst": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	}
	for name, packer := range pack {
		var b bytes.Buffer
		w := packer(&b)
		if _, err := io.WriteString(w, strings.TrimSuffix(input10(), "\n")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		f := new(fake)
		if _, _, err := loading(t, f, "", func(c *Cmd) { c.File = file }); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		whole(t, f)
	}
	cut := filepath.Join(dir, "cut.gz")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, input10())
	_ = z.Close()
	if err := os.WriteFile(cut, b.Bytes()[:b.Len()-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loading(t, new(fake), "", func(c *Cmd) { c.File = cut }); err == nil {
		t.Error("a file that is cut off was loaded as if it were whole")
	}
}

func TestGivesUpInTime(t *testing.T) {
	f := &fake{fault: func(_ *fake, _ int, w http.ResponseWriter, _ func()) bool {
		refuse(w, 503, "not_ready", 0)
		return true
	}}
	_, _, err := loading(t, f, input10(), func(c *Cmd) { c.Wait = 50 * time.Millisecond })
	if err == nil || !strings.Contains(err.Error(), "records 1 to 3: gave up after 50ms") {
		t.Errorf("error %v", err)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
