package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mistakes are command lines that go wrong, what is printed, and what is said to
// do next. URL, DIR, HELD and TAKEN are replaced: a server that needs a key, an
// empty directory, the data directory of that server, its port.
var mistakes = []struct {
	name  string
	env   []string
	args  string
	stdin string
	code  int
	says  string
	next  string
}{
	{name: "an unknown flag", args: "put orders 1 --tags x", code: 2, says: `unknown flag --tags, did you mean "--tag"?`, next: "Try topics put --help."},
	{name: "an unknown command", args: "lst", code: 2, says: "unexpected argument lst", next: "Did you mean topics ls?"},
	{name: "the plural of a command", args: "routes ls", code: 2, says: "unexpected argument routes", next: "Did you mean topics route?"},
	{name: "a flag without its value", args: "ls --url", code: 2, says: "topics: --url needs a value\n", next: "Try topics ls --help."},
	{name: "an unknown letter", args: "get orders -1", code: 2, says: "topics: unknown flag -1\n", next: "Try topics get --help."},
	{name: "a missing argument", args: "get orders", code: 2, says: `expected "<seq>"`, next: "Try topics get --help."},
	{name: "a value that is none", args: "put orders 1 --class fast", code: 2, says: `--class must be one of "","ephemeral","memory","disk","fsync" but got "fast"`, next: "Try topics put --help."},
	{name: "no server", args: "ls --url http://127.0.0.1:1", code: 1, says: "no server at http://127.0.0.1:1: connection refused", next: "Start one with: topics serve"},
	{name: "no server at the variable's address", env: []string{"TOPICS_URL=127.0.0.1:1"}, args: "ls", code: 1, says: "no server at http://127.0.0.1:1", next: "The address is from TOPICS_URL."},
	{name: "an unknown host", args: "ls --url http://no.such.invalid", code: 1, says: "no server at http://no.such.invalid", next: "--url"},
	{name: "an address without sense", args: "ls --url ftp://here", code: 1, says: `server address "ftp://here" must be http://host:port`, next: "http://host:port"},
	{name: "no key", args: "ls --url URL", code: 1, says: "401 unauthorized", next: "Set TOPICS_KEY"},
	{name: "a wrong key", env: []string{"TOPICS_KEY=wrong"}, args: "ls --url URL", code: 1, says: "401 unauthorized", next: "Set TOPICS_KEY"},
	{name: "a key that may not", env: []string{"TOPICS_KEY=reader"}, args: "put orders 1 --url URL", code: 1, says: "403 forbidden", next: "Use a key with the scope"},
	{name: "the plural of a topic", env: []string{"TOPICS_KEY=" + secret}, args: "tail order --url URL", code: 1, says: `topic "order" does not exist`, next: "Did you mean orders?"},
	{name: "a topic that is no queue", env: []string{"TOPICS_KEY=" + secret}, args: "dead orders --url URL", code: 1, says: "409 not_a_queue", next: "topics info shows the type of a topic"},
	{name: "a setting that is none", env: []string{"TOPICS_KEY=" + secret}, args: "set orders ttl_sm=5 --url URL", code: 1, says: `a topic has no setting "ttl_sm"`, next: "Did you mean ttl_ms?"},
	{name: "a setting without a value", env: []string{"TOPICS_KEY=" + secret}, args: "set orders ttl --url URL", code: 1, says: `"ttl" is not name=value`, next: "topics set orders ttl=7d"},
	{name: "text that is not JSON", env: []string{"TOPICS_KEY=" + secret}, args: "put orders hello --url URL", code: 1, says: `"hello" is not JSON`, next: "--raw stores text as it is"},
	{name: "lines that are no records", env: []string{"TOPICS_KEY=" + secret}, args: "load --topic orders-2 --url URL", stdin: "{\"a\":1}\n", code: 1, says: `line 1 has no "data"`, next: "--as json"},
	{name: "a load into a topic with other records", env: []string{"TOPICS_KEY=" + secret}, args: "load --topic orders --url URL", stdin: "{\"data\":7}\n", code: 1, says: "is not record 1 of the input", next: "the topic was not loaded from it"},
	{name: "a seq that is not yet", env: []string{"TOPICS_KEY=" + secret}, args: "get orders 99 --url URL", code: 1, says: "has no record 99 yet", next: "topics tail orders -f waits for it."},
	{name: "a delete of everything", args: "delete orders --url URL", code: 2, says: "which records?", next: "topics rm deletes a whole topic"},
	{name: "a topic with records", env: []string{"TOPICS_KEY=" + secret}, args: "rm orders --url URL", code: 1, says: "orders is not deleted", next: "--yes"},
	{name: "a context that is none", args: "ls --context stagin", code: 1, says: `there is no context "stagin"`, next: "topics context ls"},
	{name: "no directory", args: "verify", code: 2, says: "which data directory?", next: "--dir DIR"},
	{name: "a directory that is not there", args: "verify --dir DIR/none", code: 2, says: "no such file or directory", next: "topics config shows TOPICS_DATA_DIR"},
	{name: "a wrong directory", args: "serve --port 0 --exit-on-recovery-failure true --data-dir DIR", code: 3, says: "DIR", next: "TOPICS_DATA_DIR"},
	{name: "a directory in use", args: "serve --port 0 --data-dir HELD", code: 1, says: "HELD", next: "process"},
	{name: "a port in use", args: "serve --port TAKEN --data-dir DIR/new", code: 1, says: "address already in use", next: "--port"},
	{name: "a variable that is none", env: []string{"TOPICS_DATADIR=/x"}, args: "serve", code: 2, says: "TOPICS_DATADIR: unknown variable", next: "did you mean TOPICS_DATA_DIR?"},
	{name: "a value out of range", args: "serve --port 70000", code: 2, says: "TOPICS_PORT: 70000 is out of range", next: "0 to 65535"},
	{name: "an address without keys", args: "serve --host 0.0.0.0 --data-dir DIR/new", code: 2, says: "can be reached from other machines", next: "set TOPICS_API_KEYS"},
	{name: "a file with a typo", env: []string{"TOPICS_KEY=" + secret}, args: "apply - --url URL", stdin: "topics:\n  orders: {tll: 7d}\n", code: 1, says: `line 2: a topic has no setting "tll"`, next: "settings of a topic are"},
}

// Each typical mistake is named, and what to do next is said; a server that is
// not there is found out at once.
func TestMistakes(t *testing.T) {
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret+",reader:read").ready()
	write(t, server.keyed(), "orders", `1`)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	words := strings.NewReplacer("URL", server.url(), "HELD", server.dir, "DIR", dir, "TAKEN", portOf(t, taken.Addr().String()))
	if len(mistakes) < 20 {
		t.Errorf("only %d mistakes", len(mistakes))
	}
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			cmd := exec.Command(binary, strings.Split(words.Replace(m.args), " ")...)
			for _, e := range os.Environ() {
				if !strings.HasPrefix(e, "TOPICS_") {
					cmd.Env = append(cmd.Env, e)
				}
			}
			cmd.Env = append(append(cmd.Env, "XDG_CONFIG_HOME="+t.TempDir()), m.env...)
			cmd.Stdin = strings.NewReader(m.stdin)
			cmd.Dir = t.TempDir()
			lost := losing(t)
			began := time.Now()
			p := start(t, cmd)
			code := p.exit()
			said := p.stderr.String()
			says := m.says
			if says == "DIR" || says == "HELD" {
				says = words.Replace(says)
			}
			if code != m.code || !strings.Contains(said, says) || !strings.Contains(said, m.next) {
				t.Errorf("exit code %d, want %d; said %q, want %q and %q", code, m.code, said, says, m.next)
			}
			if strings.Contains(p.stdout.String(), "Usage:") || strings.Count(said, "\n") > 12 {
				t.Errorf("it drowns the message: %q", said)
			}
			if took := time.Since(began); strings.HasPrefix(m.says, "no server") && took > 10*time.Second+lost() {
				t.Errorf("it took %s to find no server, of which the machine took %s away", took, lost())
			}
		})
	}
}
