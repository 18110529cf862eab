package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// session is what a page shows of a shell: commands, and what they print.
type session struct {
	title    string
	commands []*shown
}

// shown is a command, of one line or more, and what it prints.
type shown struct {
	lines  []string
	output []string
}

// text returns the command as a shell reads it.
func (c *shown) text() string { return strings.Join(c.lines, "\n") }

// text returns the commands of the session.
func (s *session) text() (all string) {
	for _, c := range s.commands {
		all += c.text() + "\n"
	}
	return all
}

// parseSessions returns the sessions of a page, one for each section that has
// commands. A command is an indented line after a $, and the lines after it that
// begin with > are its continuation; the other indented ones of the block are its output.
func parseSessions(page string) []*session {
	all := []*session{{}}
	within := false // a block that a command began
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			all = append(all, &session{title: title})
			continue
		}
		code, ok := strings.CutPrefix(line, "    ")
		if !ok {
			within = false
			continue
		}
		s := all[len(all)-1]
		if command, ok := strings.CutPrefix(code, "$ "); ok {
			s.commands = append(s.commands, &shown{lines: []string{command}})
			within = true
		} else if within {
			last := s.commands[len(s.commands)-1]
			if more, ok := strings.CutPrefix(code, ">"); ok {
				last.lines = append(last.lines, strings.TrimPrefix(more, " "))
			} else {
				last.output = append(last.output, code)
			}
		}
	}
	return slices.DeleteFunc(all, func(s *session) bool { return len(s.commands) == 0 })
}

// rewritten returns the page with the outputs of the sessions.
func rewritten(page string, sessions []*session) string {
	var b strings.Builder
	title, next := "", 0
	within := false // the block of a command, whose output is replaced
	for line := range strings.Lines(page) {
		if t, ok := strings.CutPrefix(line, "## "); ok {
			title, next = strings.TrimSuffix(t, "\n"), 0
		}
		i := slices.IndexFunc(sessions, func(s *session) bool { return s.title == title })
		command := strings.HasPrefix(line, "    $ ") && i >= 0
		within = command || within && strings.HasPrefix(line, "    ")
		if !within {
			b.WriteString(line)
		}
		if !command {
			continue
		}
		c := sessions[i].commands[next]
		next++
		b.WriteString("    $ " + c.lines[0] + "\n")
		for _, more := range c.lines[1:] {
			b.WriteString(strings.TrimRight("    > "+more, " ") + "\n")
		}
		for _, o := range c.output {
			b.WriteString(strings.TrimRight("    "+o, " ") + "\n")
		}
	}
	return b.String()
}

// sandbox is where commands of a page run: a directory and an environment.
type sandbox struct {
	dir string
	env []string
	// prologue runs before the first command.
	prologue string
	// words replaces what differs here, such as a port, in what is run, and is
	// undone in what was printed.
	words [][2]string
}

// longSession is when a session is ended because it hangs: it has many commands,
// each of which may wait.
const longSession = 3 * patience

// separator is printed before each command's output.
const separator = "=== command "

// run runs commands in one shell and returns what each printed.
func (s *sandbox) run(t *testing.T, commands []*shown) [][]string {
	t.Helper()
	there, back := strings.NewReplacer(), strings.NewReplacer(s.dir, "/srv")
	if len(s.words) > 0 {
		var forth, reverse []string
		for _, w := range s.words {
			forth = append(forth, w[0], w[1])
			reverse = append(reverse, w[1], w[0])
		}
		there, back = strings.NewReplacer(forth...), strings.NewReplacer(append(reverse, s.dir, "/srv")...)
	}
	var script strings.Builder
	script.WriteString(s.prologue)
	for i, c := range commands {
		fmt.Fprintf(&script, "echo '%s%d'\n%s\n", separator, i, there.Replace(c.text()))
	}
	out := s.script(t, script.String())
	parts := strings.Split(out, separator)[1:]
	if len(parts) != len(commands) {
		t.Fatalf("it ended early:\n%s", out)
	}
	outputs := make([][]string, len(commands))
	for i := range commands {
		_, text, _ := strings.Cut(parts[i], "\n")
		if text != "" {
			lines := strings.Split(strings.TrimSuffix(back.Replace(text), "\n"), "\n")
			outputs[i] = slices.DeleteFunc(lines, underway.MatchString)
		}
	}
	return outputs
}

// script runs a script, and ends what it leaves.
func (s *sandbox) script(t *testing.T, script string) string {
	t.Helper()
	bash := exec.Command("/bin/bash", written(t, t.TempDir(), "session", script))
	bash.Dir, bash.Env = s.dir, s.env
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out output
	bash.Stdout, bash.Stderr = &out, &out
	if err := bash.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = syscall.Kill(-bash.Process.Pid, syscall.SIGKILL) } // there may be none left
	limit := time.AfterFunc(longSession, end)
	bash.WaitDelay = time.Second
	_ = bash.Wait() // the outputs show how far it came
	limit.Stop()
	end()
	return out.String()
}

// withBinary returns the environment of the test with the binary as topics.
func withBinary() (env []string) {
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOPICS_") {
			env = append(env, e)
		}
	}
	return append(env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "TZ=UTC")
}

var (
	hexadecimal = regexp.MustCompile(`\b[0-9a-f]{10,}\b`)
	number      = regexp.MustCompile(`[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?(ns|µs|ms|s)?`)
)

// underway is a line that long work prints every two seconds, so only on a slow
// machine.
var underway = regexp.MustCompile(`^\w+: [0-9.]+ \w*B (read|written), [0-9.]+ \w*B/s$`)

// shape returns lines without any number.
func shape(lines []string) string {
	return number.ReplaceAllString(hexadecimal.ReplaceAllString(strings.Join(lines, "\n"), "N"), "N")
}
