package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

func TestKilledServerKeepsWhatItAcked(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir).ready()
	want := map[string][]string{}
	for i := range 50 {
		for _, class := range []string{"disk", "fsync"} {
			if i == 0 {
				if _, err := server.client().PutTopic(context.Background(), class, client.Config{Durability: class}); err != nil {
					t.Fatal(err)
				}
			}
			data := fmt.Sprintf(`{"n": %d.0}`, i)
			write(t, server.client(), class, data)
			want[class] = append(want[class], data)
		}
	}
	server.kill()
	server = serve(t, dir).ready()
	for class, data := range want {
		b, err := server.client().Diff(context.Background(), class, client.Query{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range b.Records {
			got = append(got, string(r.Data))
		}
		if strings.Join(got, "\n") != strings.Join(data, "\n") || b.Tombstone != nil {
			t.Errorf("%s: got %v, tombstone %v", class, got, b.Tombstone)
		}
		if seq := write(t, server.client(), class, `1`); seq != uint64(len(data)+1) {
			t.Errorf("%s: next seq is %d", class, seq)
		}
	}
	server.stop()
}

func TestNobodyElseMayReadTheData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "the", "server")
	server := serve(t, dir).ready()
	write(t, server.client(), topic, `1`)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var st fs.FileInfo
		if err == nil {
			st, err = d.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server has renamed or removed it meanwhile
		}
		if err != nil {
			return err
		}
		if st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s", path, st.Mode())
		}
		files++
		return nil
	})
	if err != nil || files < 4 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestOnlyOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir).ready()
	second := command(t, []string{"TOPICS_PORT=0", "TOPICS_DATA_DIR=" + dir})
	if code := second.exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := fmt.Sprintf("in use by process %d", first.cmd.Process.Pid); !strings.Contains(second.stderr.String(), want) {
		t.Errorf("it said %q, want %q in it", second.stderr.String(), want)
	}
	write(t, first.client(), topic, `"still served"`)
	// The lock is on the directory, so its lock file can be removed.
	if err := os.Remove(filepath.Join(dir, ".topics.lock")); err != nil {
		t.Fatal(err)
	}
	third := command(t, []string{"TOPICS_PORT=0", "TOPICS_DATA_DIR=" + dir})
	if code := third.exit(); code != 1 {
		t.Errorf("without the lock file: exit code %d, want 1", code)
	}
	if !strings.Contains(third.stderr.String(), "in use by another process") {
		t.Errorf("without the lock file it said %q", third.stderr.String())
	}
	write(t, first.client(), topic, `"still served"`)
}

// ruined returns a data directory whose recovery fails.
func ruined(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	server := serve(t, dir).ready()
	write(t, server.client(), topic, `1`)
	server.stop()
	for _, name := range []string{"MANIFEST", "MANIFEST.prev"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not a manifest"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFailedRecoveryIsVisible(t *testing.T) {
	dir := ruined(t)
	server := serve(t, dir)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	isCode(t, server.client().WaitReady(ctx, nil), client.CodeNotReady)
	if _, err := server.client().Health(ctx); err != nil {
		t.Errorf("health: %v", err)
	}
	var report struct{ Error string }
	if get(t, server.url()+"/v0/recovery", http.StatusOK, &report); !strings.Contains(report.Error, "MANIFEST") {
		t.Errorf("the recovery report says %q", report.Error)
	}
	_, err := server.client().State(ctx, topic)
	isCode(t, err, client.CodeNotReady)
	if !strings.Contains(server.stderr.String(), "MANIFEST") {
		t.Error("the log does not name the file")
	}
	server.stop()

	server = command(t, []string{"TOPICS_PORT=0", "TOPICS_DATA_DIR=" + dir, "TOPICS_EXIT_ON_RECOVERY_FAILURE=true"})
	if code := server.exit(); code != 3 || !strings.Contains(server.stderr.String(), "MANIFEST") {
		t.Errorf("exit code %d, said %q", code, server.stderr.String())
	}
}

func TestRefusedConfiguration(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"config"}} {
		p := command(t, []string{"TOPICS_PORT=x", "TOPICS_PROT=1", "TOPICS_HOST=0.0.0.0", "TOPICS_MAX_CLAIM=x"}, args...)
		if code := p.exit(); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
		want := "TOPICS_MAX_CLAIM: \"x\" is not a whole number\n" +
			"TOPICS_PORT: \"x\" is not a whole number\n" +
			"TOPICS_PROT: unknown variable; did you mean TOPICS_PORT?\n"
		if p.stderr.String() != want {
			t.Errorf("%v: said\n%swant\n%s", args, p.stderr.String(), want)
		}
	}
	p := command(t, []string{"TOPICS_HOST=0.0.0.0"})
	if code := p.exit(); code != 2 || !strings.Contains(p.stderr.String(), "TOPICS_ALLOW_INSECURE_NO_AUTH") {
		t.Errorf("exit code %d, said %q", code, p.stderr.String())
	}
}

func TestKubernetesServiceLinks(t *testing.T) {
	p := serve(t, t.TempDir(), "TOPICS_SERVICE_HOST=10.0.0.1", "TOPICS_PORT_4000_TCP=tcp://10.0.0.1:4000",
		"TOPICS_HOST=127.0.0.1:0", "TOPICS_PORT=tcp://10.0.0.1:4000").ready()
	if !strings.Contains(p.stderr.String(), "enableServiceLinks: false") {
		t.Errorf("no warning: %s", p.stderr.String())
	}
}

func TestTailFollowsAcrossARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := serve(t, dir).ready()
	write(t, server.client(), topic, "{\n\"a\": 1.0}")
	tail := command(t, nil, "tail", topic, "--follow", "--limit", "2", "--url", server.url())
	tail.until("the first record is printed", func() bool { return strings.Count(tail.stdout.String(), "\n") == 1 })
	port := portOf(t, server.addr())
	server.kill()
	server = serve(t, dir, "TOPICS_PORT="+port).ready()
	write(t, server.client(), topic, `2`)
	if code := tail.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	got := strings.Split(tail.stdout.String(), "\n")
	if len(got) != 3 || !strings.Contains(got[0], `"data":{ "a": 1.0}`) || !strings.Contains(got[1], `"$seq":2`) {
		t.Errorf("printed %q", got)
	}
}

// get requests JSON and checks the status.
func get(t *testing.T, url string, status int, out any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s: %d %s", url, resp.StatusCode, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatalf("%s: %v in %s", url, err, body)
	}
}
