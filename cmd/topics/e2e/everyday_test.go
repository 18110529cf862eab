package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// run runs the binary to its end with an input, and returns what it prints.
func (p *process) run(input string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "TOPICS_URL="+p.url(), "XDG_CONFIG_HOME="+p.t.TempDir())
	cmd.Stdin = strings.NewReader(input)
	c := start(p.t, cmd)
	if code := c.exit(); code != 0 {
		p.t.Fatalf("topics %s: exit code %d: %s", strings.Join(args, " "), code, c.stderr.String())
	}
	return c.stdout.String()
}

// What topics tail prints, topics load takes: tags, nodes, metas and the bytes
// of the data are those of the first topic.
func TestTailIntoLoad(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	w := &client.Write{}
	for i := range 2500 {
		e := client.Entry{Data: fmt.Appendf(nil, `{"n": %d.0,  "s":"\u00e9"}`, i)}
		if tag := fmt.Sprint("tag-", i); i%2 == 0 {
			e.Tag = &tag
		}
		if node := "node\"x"; i%3 == 0 {
			e.Node = &node
		}
		if i%5 == 0 {
			e.Meta = []byte(`{"trace":  "x"}`)
		}
		w.Entries = append(w.Entries, e)
	}
	if _, err := c.Append(t.Context(), "a", w); err != nil {
		t.Fatal(err)
	}
	lines := server.run("", "tail", "a", "--from", "0")
	server.run(lines, "load", "-q", "--topic", "b")
	server.run(lines, "load", "-q", "--topic", "b") // goes on where it was: nothing is left
	server.run(lines, "load", "-q", "--append", "--topic", "b")
	read := func(topic string) (all []client.Record) {
		for event, err := range c.Follow(t.Context(), topic, client.Query{IncludeTags: true}) {
			if err != nil {
				t.Fatal(err)
			}
			switch event := event.(type) {
			case client.Records:
				all = append(all, event.Records...)
			case client.CaughtUp:
				return all
			}
		}
		return nil
	}
	a, b := read("a"), read("b")
	if len(a) != 2500 || len(b) != 5000 {
		t.Fatalf("%d and %d records", len(a), len(b))
	}
	same := func(x, y *string) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	for i := range b {
		x, y := &a[i%2500], &b[i]
		if string(x.Data) != string(y.Data) || string(x.Meta) != string(y.Meta) || !same(x.Tag, y.Tag) || !same(x.Node, y.Node) {
			t.Fatalf("record %d is %s, not %s", y.Seq, y.Raw, x.Raw)
		}
	}
}

// Each form of input becomes what it says, packed or not.
func TestLoadForms(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	packed, err := exec.Command("sh", "-c", `printf '{"a":1}\n{"a":2}\n' | gzip`).Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		as, input string
		more      []string
		want      string
	}{
		{"json", "{\"a\": 1}\n\n7\n", nil, "|{\"a\": 1};|7;"},
		{"json", string(packed), nil, `|{"a":1};|{"a":2};`},
		{"json", "{\"id\":\"x\"}\n", []string{"--tag-from", "id"}, `x|{"id":"x"};`},
		{"csv", "name,age\nada,36\n\"a \"\"b\"\", <c>\",\n", nil, `|{"name":"ada","age":"36"};|{"name":"a \"b\", <c>","age":""};`},
		{"text", "plain \"text\"\n", nil, `|"plain \"text\"";`},
		{"records", "{\"data\":1,\"tag\":\"t\"}\n", nil, "t|1;"},
	} {
		topic := fmt.Sprint("t", i)
		server.run(tt.input, append([]string{"load", "-q", "--topic", topic, "--as", tt.as}, tt.more...)...)
		if got := server.run("", "tail", topic, "--format", "{tag}|{data};"); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.as, tt.input, got, tt.want)
		}
	}
}

// tail shows the last records, of those that pass its filter, however far back
// they are.
func TestTailShowsTheLast(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	for i := range 30 {
		rare, w := "rare", &client.Write{}
		for n := range 100 {
			e := client.Entry{Data: fmt.Append(nil, i*100+n+1)}
			if n == 0 && i < 15 {
				e.Tag = &rare
			}
			w.Entries = append(w.Entries, e)
		}
		if _, err := c.Append(t.Context(), "many", w); err != nil {
			t.Fatal(err)
		}
	}
	write(t, c, "many-others", `"x"`)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"many"}, "2991 2992 2993 2994 2995 2996 2997 2998 2999 3000 "},
		{[]string{"many", "-n", "2"}, "2999 3000 "},
		{[]string{"many", "-n", "3", "--tag", "rare"}, "1201 1301 1401 "},
		{[]string{"many", "-n", "100", "--tag", "r*", "--format", "{tag}."}, strings.Repeat("rare.", 15)},
		{[]string{"many*", "-n", "1"}, "3000 \"x\" "},
		{[]string{"many", "--from", "2998"}, "2999 3000 "},
		{[]string{"many", "--from", "0", "--limit", "2"}, "1 2 "},
		{[]string{"many", "--since", "1h", "--limit", "1"}, "1 "},
		{[]string{"many", "--since", "2999-01-01"}, ""},
		{[]string{"many", "-n", "0"}, ""},
	} {
		if got := server.run("", append([]string{"tail", "--format", "{data} "}, tt.args...)...); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.args, got, tt.want)
		}
	}
	if _, err := c.DeleteRecords(t.Context(), "many", client.Deletion{Match: []string{"tag", "Eq", "rare"}}); err != nil {
		t.Fatal(err)
	}
	if got := server.run("", "tail", "many", "--tag", "rare"); got != "" {
		t.Errorf("deleted records: %q", got)
	}
	// Topics that are made later are followed too.
	follow := command(t, []string{"TOPICS_URL=" + server.url()}, "tail", "many*", "-f", "-n", "0", "--format", "{topic} {data}\n", "--limit", "1")
	follow.until("it watches", func() bool {
		m, err := c.Metrics(t.Context())
		return err == nil && strings.Contains(m, "topics_sse_connections 1")
	})
	write(t, c, "many-later", `"new"`)
	if code := follow.exit(); code != 0 || follow.stdout.String() != "many-later \"new\"\n" {
		t.Errorf("exit code %d, printed %q", code, follow.stdout.String())
	}
}

// put writes each line once, expects the head that it is given, and is harmless
// when it is repeated with a key.
func TestPut(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	if got := server.run("1\n2\n3\n", "put", "t", "--expect-head", "0", "--json"); !strings.Contains(got, `"count":3`) || !strings.Contains(got, `"last_seq":3`) {
		t.Errorf("%s", got)
	}
	for range 2 {
		server.run("", "put", "t", "4", "5", "--idempotency-key", "k", "--node", "n")
	}
	server.run("", "put", "t", "--raw", "say \"hi\"", "--class", "disk", "--tag", "x")
	server.run(`{"user":{"id":"u-1"}}`, "put", "t", "-", "--tag-from", "user.id")
	if got, want := server.run("", "tail", "t", "--format", `{seq} {tag} {node} {data}\n`), "1   1\n2   2\n3   3\n4  n 4\n5  n 5\n6 x  \"say \\\"hi\\\"\"\n7 u-1  {\"user\":{\"id\":\"u-1\"}}\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := server.run("", "get", "t", "6", "--raw"); got != "say \"hi\"\n" {
		t.Errorf("%q", got)
	}
	for _, args := range [][]string{{"put", "t", "1", "--expect-head", "3"}, {"put", "t", "1", "--class", "fsync"}} {
		p := command(t, []string{"TOPICS_URL=" + server.url()}, args...)
		if p.exit() != 1 {
			t.Errorf("%q is written", args)
		}
	}
	// A write from a pipe that stays open is not held back.
	cmd := exec.Command(binary, "put", "open", "--url", server.url())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cmd)
	for n := range 3 {
		fmt.Fprintln(in, n)
		p.until("the line is written", func() bool {
			s, err := server.client().State(t.Context(), "open")
			return err == nil && s.HeadSeq == uint64(n+1)
		})
	}
	in.Close()
	if code := p.exit(); code != 0 || p.stdout.String() != "open: 3 records, seqs 1 to 3\n" {
		t.Errorf("exit code %d, %q", code, p.stdout.String())
	}
}

// apply changes what differs, prints what, and has nothing to do the second
// time.
func TestApply(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	if _, err := c.PutTopic(t.Context(), "orders", client.Config{CapRecords: 7}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "f.yaml")
	text := "topics:\n  orders: {durability: fsync, ttl: 7d}\n  mail: {type: queue, lease: 1m, dead_letter: dead}\nrouters:\n  r: {source: orders, dest: mail, filter: mail-*}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "~ topic orders\n    durability: \"disk\" -> \"fsync\"\n    ttl_ms: 0 -> 604800000\n" +
		"+ topic mail\n    type: \"queue\"\n    lease_ms: 60000\n    dead_letter: \"dead\"\n" +
		"+ router r\n    source: \"orders\"\n    dest: \"mail\"\n    filter: [\"tag\",\"Glob\",\"mail-*\"]\n"
	if got := server.run("", "apply", file, "--dry-run"); got != want+"3 to change, 0 as they should be\n" {
		t.Errorf("%s", got)
	}
	if _, err := c.State(t.Context(), "mail"); !client.IsCode(err, client.CodeTopicNotFound) {
		t.Errorf("a dry run made a topic: %v", err)
	}
	if got := server.run("", "apply", file); got != want+"3 changed, 0 as they should be\n" {
		t.Errorf("%s", got)
	}
	if got := server.run("", "apply", file); got != "0 changed, 3 as they should be\n" {
		t.Errorf("%s", got)
	}
	state, err := c.State(t.Context(), "orders")
	if err != nil || state.Config.CapRecords != 7 || state.Config.Durability != "fsync" {
		t.Errorf("%+v, %v: what the file does not name has changed", state.Config, err)
	}
	server.run("", "set", "orders", "cap_records=0", "cap=1MiB", "priority=5")
	server.run("", "set", "orders", "priority=none")
	if state, err = c.State(t.Context(), "orders"); err != nil || state.Config.CapRecords != 0 || state.Config.CapBytes != 1<<20 || state.Config.Priority != nil {
		t.Errorf("%+v, %v", state.Config, err)
	}
}

// A list has the topics that are asked for, in the order that is asked for.
func TestListOfTopics(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	for name, config := range map[string]client.Config{"orders": {}, "others": {Durability: "fsync"}, "jobs": {Type: "queue"}} {
		if _, err := c.PutTopic(t.Context(), name, config); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		write(t, c, "orders", `1`)
	}
	write(t, c, "jobs", `"a large one"`)
	for args, want := range map[string]string{
		"":                               "jobs orders others",
		"-r":                             "others orders jobs",
		"--sort records":                 "orders jobs others",
		"--sort records -r":              "others jobs orders",
		"--sort records -n 1":            "orders",
		"--sort last_write -n 2":         "jobs orders",
		"--sort write_rate --type log":   "orders others",
		"--sort bytes o*":                "orders others",
		"--contains the":                 "others",
		"--class fsync":                  "others",
		"--type queue":                   "jobs",
		"--type queue --contains orders": "",
	} {
		printed := server.run("", append([]string{"ls", "-q"}, strings.Fields(args)...)...)
		if got := strings.Join(strings.Fields(printed), " "); got != want {
			t.Errorf("ls %s: %s; want %s", args, got, want)
		}
	}
	for args, want := range map[string]string{
		"--sort write_rate": `TOPIC +TYPE +CLASS +RECORDS +BYTES +HEAD +WRITES/S\norders +log +disk +3 .* 3 +[0-9.]+\n`,
		"--sort last_write": `TOPIC .* HEAD +LAST WRITE\n(.*\n)*others .* never\n`,
	} {
		if printed := server.run("", append([]string{"ls"}, strings.Fields(args)...)...); !regexp.MustCompile(want).MatchString(printed) {
			t.Errorf("ls %s: %s", args, printed)
		}
	}
}

// A reading of top has the rates of its time.
func TestTop(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	write(t, server.client(), "busy", `1`)
	top := command(t, []string{"TOPICS_URL=" + server.url()}, "top", "--json", "--interval", "100ms")
	seen := func() bool {
		write(t, server.client(), "busy", `1`)
		for line := range strings.Lines(top.stdout.String()) {
			var r struct {
				Appends float64 `json:"appends_per_s"`
				Busiest []struct {
					Topic   string
					Appends float64 `json:"appends_per_s"`
				}
			}
			if err := json.Unmarshal([]byte(line), &r); err == nil && r.Appends > 0 && len(r.Busiest) == 1 && r.Busiest[0].Topic == "busy" && r.Busiest[0].Appends > 0 {
				return true
			}
		}
		return false
	}
	top.until("it shows the writes", seen)
	top.signal(syscall.SIGINT)
	if code := top.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A key that a context keeps is used, and never printed.
func TestContexts(t *testing.T) {
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret).ready()
	env := []string{"XDG_CONFIG_HOME=" + t.TempDir()}
	printed := ""
	for _, args := range [][]string{
		{"context", "add", "here", "--url", server.url(), "--key", secret, "--use"},
		{"context"},
		{"context", "ls", "--json"},
		{"ls"},
		{"context", "use"},
		{"ls", "--context", "here"},
	} {
		p := command(t, env, args...)
		if code := p.exit(); code != 0 {
			t.Errorf("%q: exit code %d: %s", args, code, p.stderr.String())
		}
		printed += p.stdout.String() + p.stderr.String()
	}
	if strings.Contains(printed, secret) || !strings.Contains(printed, "* here  "+server.url()+"  with a key") {
		t.Errorf("printed %q", printed)
	}
}

// A flag of serve precedes its variable.
func TestFlagsOfServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "by-flag")
	p := command(t, []string{"TOPICS_DATA_DIR=/nowhere", "TOPICS_PORT=1"}, "--data-dir", dir, "--port", "0")
	p.until("it is ready", func() bool { return strings.Contains(p.stderr.String(), `"message":"ready"`) })
	p.stop()
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
