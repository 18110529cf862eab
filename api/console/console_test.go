package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The bounds on the console: it must stay small enough to be read, and to come
// over a slow line during an incident.
const (
	maxScriptLines = 2500
	maxStyleLines  = 400
	maxGzip        = 70 << 10
)

// vendored are the assets that others wrote, and how each comes about from files of
// its npm package.
var vendored = map[string]struct {
	pkg, sum string // name@version; SHA-512 of its tarball, as npm has it
	file     string // in the tarball
	change   func(string) string
}{
	"preact.js": {"preact@10.29.8", preactSum, "dist/preact.module.js", withoutMap},
	"hooks.js":  {"preact@10.29.8", preactSum, "hooks/dist/hooks.module.js", func(s string) string { return strings.Replace(withoutMap(s), `from"preact"`, `from"./preact.js"`, 1) }},
	"htm.js":    {"htm@3.1.1", htmSum, "dist/htm.module.js", unchanged},
}

const (
	preactSum = "ej2aVZ+vZ8WO7tvlQWRM9N63A0KzF9q4mWJfDUHgYaIofWY9hu74QdnQrjoPMmZi2/nZ5gN0bJCQF49xQqx09Q=="
	htmSum    = "983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ=="
)

func unchanged(s string) string { return s }

var sourceMap = regexp.MustCompile(`(?m)^//# sourceMappingURL=.*\n?`)

func withoutMap(s string) string { return sourceMap.ReplaceAllString(s, "") }

// sums are the SHA-512 of the vendored assets as they are here.
var sums = map[string]string{
	"hooks.js":  "QiHVDSdew6+1Fd5jbh9nd0/kS4AUEM1onDWkIqsbZgAtVIN/UkOMFIa/MlJD1Ps8LXkhjZwHv98O5D+aarlEfQ==",
	"htm.js":    "TXdoWjmooMSasl6EfWdABy+fpJFGbmKVoodY2m2VlP46zlETWaHccFLQYXkKyv8YPIY4nDRbRUnuzMDGqWfkSA==",
	"preact.js": "Nnv5qnjsILJi5YfWFMpxqQcLR3snnak8HdB6lJAoOr/MuMMy6P7cuvlWSlEGVTwDIKKCFwC2HP4gYSXtAzhNMw==",
}

// documents is how many random documents TestExact compares.
var documents = flag.Int("documents", 20000, "random JSON documents in the test of exact.js")

// npm has the vendored assets compared with the packages of npm.
var npm = flag.Bool("npm", false, "compare what is vendored with the packages of npm")

func TestVendoredAssetsAreAsTheyCame(t *testing.T) {
	files := Load().Assets()
	for name, want := range sums {
		sum := sha512.Sum512(files[name].Body)
		if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
			t.Errorf("%s was changed: its SHA-512 is %s", name, got)
		}
		if _, ok := vendored[name]; !ok {
			t.Errorf("%s is of no package", name)
		}
	}
	if len(sums) != len(vendored) {
		t.Errorf("%d sums of %d files", len(sums), len(vendored))
	}
}

// axeSum is of axe-core's script, which testdata has packed.
const axeSum = "5j5ln5gG165b1AiZBDsIcaUGLFRCsBs/Gj7fXq9Qv1w6cQSnJGMpO0rRt3xmGg1OQOhQ3sid6dbs5wqME6mvFw=="

func TestAxeIsAsItCame(t *testing.T) {
	f, err := os.Open("testdata/axe-core.min.js.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.New()
	if _, err := io.Copy(sum, z); err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != axeSum {
		t.Errorf("its SHA-512 is %s", got)
	}
}

// TestVendoredAssetsAreNPMs is `make vendor-check`.
func TestVendoredAssetsAreNPMs(t *testing.T) {
	if !*npm {
		t.Skip("needs npm and its registry: -npm")
	}
	files := Load().Assets()
	unpacked := map[string]string{} // directories by package
	for name, v := range vendored {
		if unpacked[v.pkg] == "" {
			unpacked[v.pkg] = unpack(t, v.pkg, v.sum)
		}
		came, err := os.ReadFile(filepath.Join(unpacked[v.pkg], v.file))
		if err != nil {
			t.Fatal(err)
		}
		if v.change(string(came)) != string(files[name].Body) {
			t.Errorf("%s is not %s of %s", name, v.file, v.pkg)
		}
	}
}

// unpack has npm fetch a package, compares the sum of its tarball, and returns the
// directory with its files.
func unpack(t *testing.T, pkg, want string) string {
	t.Helper()
	dir := t.TempDir()
	pack := exec.Command("npm", "pack", "--silent", pkg)
	pack.Dir = dir
	out, err := pack.Output()
	if err != nil {
		t.Fatalf("npm pack %s: %v", pkg, err)
	}
	tarball := filepath.Join(dir, strings.TrimSpace(string(out)))
	packed, err := os.ReadFile(tarball)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(packed)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("the tarball of %s has the SHA-512 %s", pkg, got)
	}
	if out, err := exec.Command("tar", "-xzf", tarball, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "package")
}

func TestConsoleIsSmall(t *testing.T) {
	c := Load()
	scripts, styles := 0, 0
	var packed bytes.Buffer
	compress := func(body []byte) {
		z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	compress(c.Page)
	for name, a := range c.Assets() {
		compress(a.Body)
		if _, ok := vendored[name]; ok {
			continue
		}
		switch filepath.Ext(name) {
		case ".js":
			scripts += bytes.Count(a.Body, []byte("\n"))
		case ".css":
			styles += bytes.Count(a.Body, []byte("\n"))
		}
	}
	t.Logf("%d lines of JavaScript, %d of CSS, %d bytes of gzip", scripts, styles, packed.Len())
	if scripts > maxScriptLines || styles > maxStyleLines || packed.Len() > maxGzip {
		t.Errorf("%d lines of JavaScript of %d, %d of CSS of %d, %d bytes of gzip of %d", scripts, maxScriptLines, styles, maxStyleLines, packed.Len(), maxGzip)
	}
}

// Everything that the page and its modules refer to is there, and nothing of
// another origin.
func TestReferencesLeadToAssets(t *testing.T) {
	c := Load()
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(string(c.Page), -1) {
		name, ok := strings.CutPrefix(m[1], "assets/"+c.Hash+"/")
		if _, there := c.Assets()[name]; !ok || !there {
			t.Errorf("the page refers to %s", m[1])
		}
	}
	imports := regexp.MustCompile(`(?m)(?:^(?:import|export) [^;]* from |^import|\bfrom)"([^"\s]+)"`)
	for name, a := range c.Assets() {
		if a.Type == "" {
			t.Errorf("%s has no media type", name)
		}
		for _, m := range imports.FindAllStringSubmatch(string(a.Body), -1) {
			file, ok := strings.CutPrefix(m[1], "./")
			if _, there := c.Assets()[file]; !ok || !there {
				t.Errorf("%s imports %s", name, m[1])
			}
		}
		if _, theirs := vendored[name]; !theirs && strings.Contains(string(a.Body), "innerHTML") {
			t.Errorf("%s makes HTML of text", name)
		}
	}
	if again := Load(); again.Hash != c.Hash || len(c.Hash) != 12 {
		t.Errorf("the hashes are %s and %s", c.Hash, again.Hash)
	}
	entries, err := fs.ReadDir(embedded, "assets")
	if err != nil || len(entries) != len(c.Assets()) {
		t.Errorf("%d of %d files are assets: %v", len(c.Assets()), len(entries), err)
	}
}

// TestExact runs the tests of exact.js, in which numbers stay what they are.
func TestExact(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has no node")
		}
		t.Skip("needs node")
	}
	dir := t.TempDir()
	for _, name := range []string{"exact.js"} {
		if err := os.WriteFile(filepath.Join(dir, strings.TrimSuffix(name, ".js")+".mjs"), Load().Assets()[name].Body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("testdata/exact_test.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "exact_test.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, filepath.Join(dir, "exact_test.mjs"), strconv.Itoa(*documents)).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
