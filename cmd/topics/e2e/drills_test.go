package e2e

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// updateDrills writes what the sessions print into docs/drills.md.
var updateDrills = flag.Bool("update-drills", false, "write the output of the sessions into docs/drills.md")

const drillPage = "../../../docs/drills.md"

// TestDrillBook runs the sessions of docs/drills.md as an operator who copies them,
// and compares what they print, apart from numbers.
func TestDrillBook(t *testing.T) {
	page, err := os.ReadFile(drillPage)
	if err != nil {
		t.Fatal(err)
	}
	drills := parseDrills(string(page))
	if len(drills) < 10 {
		t.Fatalf("the book has %d sessions", len(drills))
	}
	setup := drills[0]
	for _, d := range drills[1:] {
		t.Run(d.title, func(t *testing.T) {
			if !*updateDrills {
				t.Parallel() // most of it waits for starts and syncs
			}
			d.run(t, setup)
		})
	}
	if *updateDrills {
		if err := os.WriteFile(drillPage, []byte(rewritten(string(page), drills)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// drill is the session of a section of the page.
type drill struct {
	title    string
	commands []*drillCommand
}

// drillCommand is a command, of one line or more, and what it prints.
type drillCommand struct {
	lines  []string
	output []string
}

// parseDrills returns the sessions of a page, the setup first. A command is an
// indented line after a $, and the lines after it that begin with > are its
// continuation; the other indented ones are its output.
func parseDrills(page string) []*drill {
	var all []*drill
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			all = append(all, &drill{title: title})
			continue
		}
		code, ok := strings.CutPrefix(line, "    ")
		if !ok || len(all) == 0 {
			continue
		}
		d := all[len(all)-1]
		if command, ok := strings.CutPrefix(code, "$ "); ok {
			d.commands = append(d.commands, &drillCommand{lines: []string{command}})
		} else if len(d.commands) > 0 {
			last := d.commands[len(d.commands)-1]
			if more, ok := strings.CutPrefix(code, "> "); ok {
				last.lines = append(last.lines, more)
			} else {
				last.output = append(last.output, code)
			}
		}
	}
	return slices.DeleteFunc(all, func(d *drill) bool { return len(d.commands) == 0 })
}

// rewritten returns the page with the outputs of the drills.
func rewritten(page string, drills []*drill) string {
	var b strings.Builder
	title, next := "", 0
	for line := range strings.Lines(page) {
		if t, ok := strings.CutPrefix(line, "## "); ok {
			title, next = strings.TrimSuffix(t, "\n"), 0
		}
		if !strings.HasPrefix(line, "    ") {
			b.WriteString(line)
			continue
		}
		i := slices.IndexFunc(drills, func(d *drill) bool { return d.title == title })
		if !strings.HasPrefix(line, "    $ ") || i < 0 {
			continue
		}
		c := drills[i].commands[next]
		next++
		fmt.Fprintf(&b, "    $ %s\n", strings.Join(c.lines, "\n    > "))
		for _, o := range c.output {
			b.WriteString(strings.TrimRight("    "+o, " ") + "\n")
		}
	}
	return b.String()
}

// separator is printed before each command's output.
const separator = "=== command "

// run runs the session in a directory of its own, with another port.
func (d *drill) run(t *testing.T, setup *drill) {
	if strings.Contains(d.text(), "mount") && os.Getuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root can mount")
	}
	for _, program := range []string{"curl", "jq", "mkfs.ext4", "mkfs.xfs", "xfs_io", "fsfreeze"} {
		if strings.Contains(setup.text()+d.text(), program+" ") {
			installed(t, program)
		}
	}
	dir, port := t.TempDir(), freePort(t)
	var script strings.Builder
	script.WriteString("trap 'kill -9 ${server:-0} 2>/dev/null; fsfreeze -u vol 2>/dev/null; umount -l vol 2>/dev/null' EXIT\n")
	for i, c := range slices.Concat(setup.commands, d.commands) {
		fmt.Fprintf(&script, "echo '%s%d'\n%s\n", separator, i, strings.ReplaceAll(strings.Join(c.lines, "\n"), "4000", port))
	}
	out := runScript(t, dir, script.String())
	outputs := strings.Split(out, separator)[1+len(setup.commands):]
	if len(outputs) != len(d.commands) {
		t.Fatalf("it ended early:\n%s", out)
	}
	for i, c := range d.commands {
		_, text, _ := strings.Cut(outputs[i], "\n")
		text = strings.NewReplacer(dir, "/srv", port, "4000").Replace(text)
		got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if text == "" {
			got = nil
		}
		if *updateDrills {
			c.output = got
		} else if shape(got) != shape(c.output) {
			t.Errorf("$ %s\nprinted\n%s\nthe page has\n%s", c.lines[0], shape(got), shape(c.output))
		}
	}
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(dir, "drill", "server.log"))
		t.Logf("the server's log:\n%s", log)
	}
}

func (d *drill) text() (all string) {
	for _, c := range d.commands {
		all += strings.Join(c.lines, "\n") + "\n"
	}
	return all
}

// runScript runs a script with the binary as topics, and ends what it leaves.
func runScript(t *testing.T, dir, script string) string {
	t.Helper()
	bash := exec.Command("bash", written(t, dir, "session", script))
	bash.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOPICS_") {
			bash.Env = append(bash.Env, e)
		}
	}
	bash.Env = append(bash.Env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "TZ=UTC")
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out output
	bash.Stdout, bash.Stderr = &out, &out
	if err := bash.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = syscall.Kill(-bash.Process.Pid, syscall.SIGKILL) } // there may be none left
	limit := time.AfterFunc(patience, end)
	bash.WaitDelay = time.Second
	_ = bash.Wait() // the outputs show how far it came
	limit.Stop()
	end()
	return out.String()
}

var (
	hexadecimal = regexp.MustCompile(`\b[0-9a-f]{10,}\b`)
	number      = regexp.MustCompile(`[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?(ns|µs|ms|s)?`)
)

// shape returns lines without what differs from run to run.
func shape(lines []string) string {
	return number.ReplaceAllString(hexadecimal.ReplaceAllString(strings.Join(lines, "\n"), "N"), "N")
}

// freePort returns a port that was free just now, of four digits or more.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
