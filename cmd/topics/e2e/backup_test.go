package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// A server is loaded, backed up while it serves, loaded further, and killed. A
// restore has exactly what had been written until the requested time, or
// everything.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	env := []string{
		"TOPICS_COLD_DIR=" + in("cold"), "TOPICS_ARCHIVE_DIR=" + in("archive"), "TOPICS_WAL_FILE_BYTES=1048576",
		"TOPICS_CHECKPOINT_BYTES=1048576", "TOPICS_HOT_RETAIN_SEGMENTS=1",
	}
	server := serve(t, in("data"), env...).ready()
	for _, class := range []string{"disk", "fsync"} {
		if _, err := server.client().PutTopic(context.Background(), class, client.Config{Durability: class}); err != nil {
			t.Fatal(err)
		}
	}
	load := func(from, to int) {
		t.Helper()
		c := server.client() // one connection for all
		for i := from; i < to; i++ {
			write(t, c, []string{"disk", "fsync"}[i%2], fmt.Sprintf(`"%d %02000d"`, i, i))
		}
	}
	load(0, 600)
	backupTool(t, 0, nil, "backup", "--url", server.url(), "--to", in("backup"))
	if text := backupTool(t, 0, nil, "backup", "verify", in("backup"), "--report", "--url", server.url()); strings.Contains(text, "not reported") {
		t.Error(text)
	}
	if shown := body(t, server.url()+"/v0/admin/backups"); !strings.Contains(shown, `"verified_at":"20`) {
		t.Errorf("the verified backup is shown as %s", shown)
	}
	if text := backupTool(t, 1, nil, "backup", "--url", server.url(), "--to", in("backup")); !strings.Contains(text, "not empty") {
		t.Errorf("over another backup: %s", text)
	}
	if text := backupTool(t, 1, nil, "backup", "--dir", in("data"), "--to", in("other")); !strings.Contains(text, "in use") {
		t.Errorf("of a directory in use: %s", text)
	}
	load(600, 1000)
	moment := newest(t, server.client(), "fsync")
	want := contents(t, server.client())
	for time.Now().UnixMilli() <= moment { // so that the next write is later
		runtime.Gosched()
	}
	load(1000, 1600)
	all := contents(t, server.client())
	server.kill()

	for name, c := range map[string]struct {
		args []string
		want map[string]string
	}{
		"until": {[]string{"--until", fmt.Sprint(moment)}, want},
		"all":   {nil, all},
	} {
		args := append([]string{
			"restore", "--from", in("backup"), "--to", in(name), "--archive", in("archive"), "--archive", in("data/wal"),
		}, c.args...)
		t.Log(backupTool(t, 0, nil, args...))
		restored := serve(t, in(name)).ready()
		got := contents(t, restored.client())
		for topic := range c.want {
			if got[topic] != c.want[topic] {
				t.Errorf("%s: %s has %d bytes, and had %d", name, topic, len(got[topic]), len(c.want[topic]))
			}
		}
		write(t, restored.client(), "fsync", `"goes on"`)
		restored.stop()
	}

	// The stopped directory can be backed up too.
	t.Log(backupTool(t, 0, []string{"TOPICS_COLD_DIR=" + in("cold")}, "backup", "--dir", in("until"), "--to", in("again")))
	backupTool(t, 0, nil, "restore", "--from", in("again"), "--to", in("twice"))
	restored := serve(t, in("twice")).ready()
	if got := contents(t, restored.client()); !strings.HasSuffix(got["fsync"], "\"goes on\"\n") || got["disk"] != want["disk"] {
		t.Errorf("the second copy differs")
	}
	restored.stop()
}

// backupTool runs one of the commands, checks its exit code, and returns its
// output.
func backupTool(t *testing.T, code int, env []string, args ...string) string {
	t.Helper()
	p := command(t, env, args...)
	if got := p.exit(); got != code {
		t.Fatalf("topics %s: exit code %d\n%s%s", strings.Join(args, " "), got, p.stdout.String(), p.stderr.String())
	}
	return p.stdout.String() + p.stderr.String()
}

// contents returns the data of all records, by topic.
func contents(t *testing.T, c *client.Client) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, topic := range []string{"disk", "fsync"} {
		var b strings.Builder
		for q := (client.Query{}); ; {
			batch, err := c.Diff(context.Background(), topic, q)
			if err != nil {
				t.Fatal(err)
			}
			if batch.Tombstone != nil {
				t.Fatalf("%s: tombstone %+v", topic, batch.Tombstone)
			}
			for _, r := range batch.Records {
				fmt.Fprintf(&b, "%d %s\n", r.Seq, r.Data)
			}
			if q.From = batch.NextFrom; q.From == batch.HeadSeq {
				break
			}
		}
		out[topic] = b.String()
	}
	return out
}

// newest returns the time of a topic's last record.
func newest(t *testing.T, c *client.Client, topic string) int64 {
	t.Helper()
	s, err := c.State(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Diff(context.Background(), topic, client.Query{From: s.HeadSeq - 1})
	if err != nil {
		t.Fatal(err)
	}
	return b.Records[0].TS
}
