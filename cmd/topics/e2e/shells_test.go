package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shell runs a script with the binary in its path, and returns what it prints.
func shell(t *testing.T, url, name, script string) string {
	t.Helper()
	path := installed(t, name)
	cmd := exec.Command(path, "-c", script)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "TOPICS_URL="+url, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

// completions are command lines whose last word is completed, and what it can
// become.
var completions = []struct {
	line string
	want string // one of the words
	not  string // none of the words; may be empty
}{
	{"topics pu", "put", "tail"},
	{"topics route ", "add", "put"},
	{"topics put --cla", "--class", "--tag"},
	{"topics put --class f", "fsync", "disk"},
	{"topics tail ord", "orders", "mail"},
	{"topics serve --data-", "--data-dir", "--port"},
	{"topics load --topic ord", "orders", ""},
}

func TestCompletionInBash(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	write(t, server.client(), "orders", `1`)
	write(t, server.client(), "mail", `1`)
	for _, tt := range completions {
		words := strings.Split(tt.line, " ")
		out := shell(t, server.url(), "bash", `set -e
source <(topics completion bash)

COMP_WORDS=(`+shellWords(words)+`)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_topics
printf '%s\n' "${COMPREPLY[@]}"`)
		completed(t, tt.line, out, tt.want, tt.not)
	}
}

func TestCompletionInFish(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	write(t, server.client(), "orders", `1`)
	write(t, server.client(), "mail", `1`)
	for _, tt := range completions {
		out := shell(t, server.url(), "fish", `topics completion fish | source
complete -C'`+tt.line+`'`)
		completed(t, tt.line, out, tt.want, tt.not)
	}
}

// In zsh the builtins that take the words are replaced by ones that print them.
func TestCompletionInZsh(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	write(t, server.client(), "orders", `1`)
	write(t, server.client(), "mail", `1`)
	for _, tt := range completions {
		words := strings.Split(tt.line, " ")
		out := shell(t, server.url(), "zsh", `autoload -U compinit && compinit -D -u
source <(topics completion zsh)
shown() { for each in "$@"; do [[ $each == ${words[CURRENT]}* ]] && print -r -- ${each%%:*}; done; return 0 }
compadd() { shift; shown "$@" }
_describe() { shown ${(P)${@[-1]}} }
_files() { print file }
words=(`+shellWords(words)+`)
CURRENT=${#words}
_topics`)
		completed(t, tt.line, out, tt.want, tt.not)
	}
}

func shellWords(words []string) string { return "'" + strings.Join(words, "' '") + "'" }

// completed fails the test unless the first words of the lines have want and not
// not.
func completed(t *testing.T, line, out, want, not string) {
	t.Helper()
	found := map[string]bool{}
	for each := range strings.Lines(out) {
		word, _, _ := strings.Cut(strings.TrimSpace(each), "\t")
		found[word] = true
	}
	if !found[want] || found[not] && not != "" {
		t.Errorf("%q becomes %q", line, out)
	}
}

// Every manual page renders without a complaint.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if p := command(t, nil, "man", "--dir", dir); p.exit() != 0 {
		t.Fatal(p.stderr.String())
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 30 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	mandoc := installed(t, "mandoc")
	out, err := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") {
			t.Error(line)
		}
	}
	_ = err // it is the missing date's
	text, err := exec.Command(mandoc, "-T", "ascii", filepath.Join(dir, "topics-put.1")).Output()
	if err != nil || !strings.Contains(string(text), "seq 3 | topics put numbers") {
		t.Errorf("%v: %s", err, text)
	}
}

// docs/commands.md is what the commands' declarations say.
func TestPageOfCommands(t *testing.T) {
	want, err := os.ReadFile("../../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	p := command(t, nil, "man", "--markdown")
	if code := p.exit(); code != 0 || p.stdout.String() != string(want) {
		t.Error("docs/commands.md is not up to date: make generate")
	}
}
