package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// updatePages writes what the sessions print into the pages.
var updatePages = flag.Bool("update-pages", false, "write the output of the sessions into README.md, docs/tutorial.md and docs/howto")

// TestPages does what docs/tutorial.md and docs/howto say, word for word, in an
// environment that has only the programs that the pages name, and compares what
// is printed with the pages.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/howto/*.md")
	if err != nil || len(pages) < 8 {
		t.Fatalf("pages: %q %v", pages, err)
	}
	for _, page := range append(pages, "../../../docs/tutorial.md") {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel() // most of it waits for starts and syncs
			runPage(t, page)
		})
	}
}

// runPage runs the sessions of a page in one shell.
func runPage(t *testing.T, page string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	s := sandbox{dir: t.TempDir(), env: bare(t, port), words: [][2]string{{"localhost:4000", "localhost:" + port}}}
	s.play(t, page, string(text))
}

// play runs the sessions of a page one after the other, and compares what they
// print with the page, or writes it there.
func (s *sandbox) play(t *testing.T, page, text string) {
	t.Helper()
	sessions := parseSessions(text)
	var all []*shown
	for _, part := range sessions {
		all = append(all, part.commands...)
	}
	if len(all) < 5 {
		t.Fatalf("%s has %d commands", page, len(all))
	}
	outputs := s.run(t, all)
	for i, c := range all {
		output := printed(outputs[i])
		if *updatePages {
			c.output = output
		} else if got := steady(output); got != steady(c.output) {
			t.Errorf("$ %s\nprinted\n%s\nthe page has\n%s", c.lines[0], got, steady(c.output))
		}
	}
	if *updatePages {
		if err := os.WriteFile(page, []byte(rewritten(text, sessions)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
		t.Logf("the server's log:\n%s", log)
	}
}

// basics are the programs that every page may use, beside topics.
var basics = []string{
	"awk", "bash", "cat", "chmod", "cp", "curl", "cut", "date", "grep", "gzip", "head", "jq", "ls", "mkdir", "mv", "python3",
	"rm", "sed", "seq", "sh", "sleep", "sort", "tail", "uniq", "wc",
}

// system is where the basics are. A developer's path may have wrappers of them,
// which need more than a bare environment has.
var system = []string{"/usr/bin", "/bin", "/usr/local/bin"}

// basic returns where a program is.
func basic(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range system {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return installed(t, name)
}

// bare returns an environment whose home is empty and whose path has the binary
// as topics, the basics, and the programs named, and nothing else. The disk may be
// slow.
func bare(t *testing.T, port string, programs ...string) []string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range slices.Concat(basics, programs) {
		if err := os.Symlink(basic(t, name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(binary, filepath.Join(bin, "topics")); err != nil {
		t.Fatal(err)
	}
	return append([]string{"HOME=" + t.TempDir(), "PATH=" + bin, "TOPICS_PORT=" + port, "TZ=UTC", "LC_ALL=C.UTF-8"}, slowDisk...)
}

// varying is what differs from run to run in what the pages show: times, ids, and
// what was measured. All other text, numbers too, is what it says.
var varying = []struct{ pattern, form string }{
	{`\b17[0-9]{11}\b|\b1[89][0-9]{11}\b`, "TIME"},
	{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "TIME"},
	{`\b\d{8}T\d{6}(\.\d+)?Z`, "TIME"},
	{`\b\d+(\.\d+)?(ns|µs|ms|s)\b`, "DURATION"},
	{`_(ms|seconds)":\d+(\.\d+)?`, "_MEASURED"},
	{`\b(wid|lease)_[0-9A-Za-z_-]+`, "$1_ID"},
	{`\b[0-9a-f]{12,}\b`, "HEX"},
}

var varyings = func() (all []*regexp.Regexp) {
	for _, v := range varying {
		all = append(all, regexp.MustCompile(v.pattern))
	}
	return all
}()

// ended is what the shell says of a server that was killed.
var ended = regexp.MustCompile(`^\S*session: line \d+: +\d+ (Killed|Terminated|Done)\b`)

// printed returns lines as a page has them: without what the shell says of its
// jobs, and without spaces at their ends.
func printed(lines []string) []string {
	lines = slices.DeleteFunc(lines, ended.MatchString)
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

// steady returns lines without what differs from run to run.
func steady(lines []string) string {
	text := strings.Join(lines, "\n")
	for i, v := range varyings {
		text = v.ReplaceAllString(text, varying[i].form)
	}
	return text
}
