package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// realCorpus is the Debian package index as records, which may exist next to a
// checkout. It is too large for the repository.
const realCorpus = "../../../../shared/data/debian-packages.jsonl.gz"

// corpus returns the file to load: the real one, or else a generated one of
// similar shape and size.
func corpus(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(realCorpus); err == nil {
		return realCorpus
	}
	return generate(t, 60_000)
}

// generate writes n package-like records as .jsonl.gz, with everything that a
// server might rewrite by mistake. It always writes the same bytes.
func generate(t *testing.T, n int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields("lib data common dev doc utils server client plugin game font theme")
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	odd := []string{
		`"a\u0062c\/\"\\\n"`, `"Größe 大きさ 🚀"`, `"\ud83d\ude80"`, `1.0`, `-0`, `1E+400`, `12345678901234567890123`, `0.1e-7`,
		`{"k":1,"k":2,"K":3}`, `[ 1 ,2,	3 ]`, `null`, `{}`, `""`, `"<&>\u2028"`,
	}
	for i := range n {
		name := fmt.Sprintf("%s-%s-%d", pick(words), pick(words), i)
		fmt.Fprintf(z, `{"data":{"package":%q,"version":"%d.%d-%d","installed_size":%d,"depends":%q,"odd":%s,"odd":%s}`,
			name, r.IntN(9), r.IntN(30), r.IntN(5), r.IntN(1<<20), strings.Repeat(pick(words)+" (>= 1.0), ", r.IntN(40)), pick(odd), pick(odd))
		if r.IntN(10) > 0 {
			fmt.Fprintf(z, `,"tag":"section:%s","node":"pool-%c"`, name, name[0])
		}
		if r.IntN(10) > 0 {
			fmt.Fprintf(z, `,"meta":{"arch":"all", "n": %d.50}`, i)
		}
		fmt.Fprintln(z, "}")
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "generated.jsonl.gz")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// line is a parsed line of a corpus, with verbatim payloads.
type line struct {
	Data json.RawMessage
	Meta json.RawMessage
	Tag  *string
	Node *string
}

// lines reads a corpus.
func lines(t *testing.T, file string) []line {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []line
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return all
}
