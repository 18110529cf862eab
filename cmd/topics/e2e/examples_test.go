package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// examples returns the lines that each command's help says to run, in the order
// of docs/commands.md.
func examples(t *testing.T) (commands []string, lines map[string][]string) {
	t.Helper()
	page := command(t, nil, "man", "--markdown")
	if page.exit() != 0 {
		t.Fatal("no page of commands")
	}
	lines = map[string][]string{}
	name := ""
	within := false // a block; the last one has the examples
	for line := range strings.Lines(page.stdout.String()) {
		if found, ok := strings.CutPrefix(line, "### `"); ok {
			name = strings.TrimSuffix(found, "`\n")
			commands = append(commands, name)
		}
		text, ok := strings.CutPrefix(line, "    ")
		if ok && !within {
			lines[name] = nil
		}
		if within = ok; ok {
			lines[name] = append(lines[name], strings.TrimSuffix(text, "\n"))
		}
	}
	return commands, lines
}

// endless are the beginnings of examples that run until they are interrupted,
// with what shows that they work.
var endless = []struct {
	line  string
	works func(p *process, dir string) bool
}{
	{"topics serve", func(p *process, _ string) bool { return strings.Contains(p.stderr.String(), `"message":"ready"`) }},
	{"TOPICS_PORT=4003 topics serve", func(p *process, _ string) bool { return strings.Contains(p.stderr.String(), `"message":"ready"`) }},
	{"topics tail orders -f", func(p *process, _ string) bool { return strings.Contains(p.stdout.String(), "\n") }},
	{"topics watch orders 'audit:*'", func(p *process, _ string) bool { return strings.Contains(p.stdout.String(), "caught_up") }},
	{"topics top\n", func(p *process, _ string) bool { return strings.Contains(p.stdout.String(), "fsync p99") }},
	{"topics work mail --exec", func(_ *process, dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "sent.txt"))
		return err == nil
	}},
	{"topics work mail --parallel", func(p *process, _ string) bool { return strings.Contains(p.stdout.String(), "sending mail-2") }},
}

// ports are those of the examples, which may be taken here.
var ports = regexp.MustCompile(`(--port |TOPICS_PORT=)\d+`)

// Every command has an example, and every example works: the server is at
// TOPICS_URL, and the directory has the files that the examples name.
func TestExamples(t *testing.T) {
	t.Parallel()
	commands, lines := examples(t)
	if len(commands) < 30 {
		t.Fatalf("only %d commands: %q", len(commands), commands)
	}
	dir := t.TempDir()
	server := exampleWorld(t, dir)
	for _, name := range commands {
		if len(lines[name]) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, line := range lines[name] {
			if strings.HasPrefix(name, "topics work") {
				jobs(t, server.client())
			}
			runExample(t, server, dir, line)
		}
	}
}

// moments are how long examples measure or load something.
var moments = regexp.MustCompile(`(--interval |--each |--duration )(\d+)(ms|s)\b`)

// runExample runs an example. One that fails and measures for a moment is run for
// longer ones, too: on a slow machine nothing may happen within a short one.
func runExample(t *testing.T, server *process, dir, line string) {
	t.Helper()
	for factor := 1; ; factor *= 4 {
		longer := moments.ReplaceAllStringFunc(line, func(moment string) string {
			parts := moments.FindStringSubmatch(moment)
			n, _ := strconv.Atoi(parts[2]) // digits
			return fmt.Sprint(parts[1], n*factor, parts[3])
		})
		err := tryExample(t, server, dir, longer)
		if err == nil {
			return
		}
		if factor == 16 || !moments.MatchString(line) {
			t.Error(err)
			return
		}
		t.Log(err)
	}
}

func tryExample(t *testing.T, server *process, dir, line string) error {
	t.Helper()
	works := func(*process, string) bool { return false }
	script := ports.ReplaceAllString(line, "${1}0")
	ends := true
	for _, e := range endless {
		if strings.HasPrefix(line+"\n", e.line) {
			works, ends = e.works, false
			script = regexp.MustCompile(`(^|\d )topics`).ReplaceAllString(script, "${1}exec topics")
		}
	}
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOPICS_") && !strings.HasPrefix(e, "PATH=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "TOPICS_URL="+server.url(), "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
	p := start(t, cmd)
	if !ends {
		p.until(line+" works", func() bool { return works(p, dir) })
		p.signal(syscall.SIGTERM)
	}
	if code := p.exit(); code != 0 {
		return fmt.Errorf("%s: exit code %d: %s%s", line, code, p.stdout.String(), p.stderr.String())
	}
	return nil
}

// exampleWorld makes the files that examples name, and a server with the topics
// that they name.
func exampleWorld(t *testing.T, dir string) *process {
	t.Helper()
	for name, text := range map[string]string{
		"events.jsonl": "{\"data\":{\"n\":1},\"tag\":\"a\"}\n{\"data\":{\"n\":2}}\n",
		"people.csv":   "name,age\nada,36\n\"grace, h\",85\n",
		"topics.yaml":  "topics:\n  orders: {ttl: 7d}\nrouters:\n  orders>mails: {source: orders, dest: mails, filter: mail-*}\n",
		"send":         "#!/bin/sh\necho \"sending $1\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	stopped := serve(t, filepath.Join(dir, "topics-data")).ready()
	write(t, stopped.client(), "orders", `1`)
	stopped.stop()
	server := serve(t, filepath.Join(dir, "live-data")).ready()
	c := server.client()
	for range 3 {
		write(t, c, "orders", `{"id":1}`)
	}
	dead := "mail-dead"
	if _, err := c.PutTopic(t.Context(), "mail", client.Config{Type: "queue", DeadLetter: &dead}); err != nil {
		t.Fatal(err)
	}
	jobs(t, c)
	return server
}

// jobs writes two jobs.
func jobs(t *testing.T, c *client.Client) {
	t.Helper()
	w := &client.Write{}
	for _, tag := range []string{"mail-1", "mail-2"} {
		w.Entries = append(w.Entries, client.Entry{Data: []byte(`"hello"`), Tag: &tag})
	}
	if _, err := c.Append(t.Context(), "mail", w); err != nil {
		t.Fatal(err)
	}
}
