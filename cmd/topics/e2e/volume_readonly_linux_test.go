package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// The tools that only read work on a read-only volume, for a directory whose
// server was stopped and for one whose server was killed.
func TestToolsOnAReadOnlyVolume(t *testing.T) {
	for name, end := range map[string]func(*process){"stopped": (*process).stop, "killed": (*process).kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, elsewhere := mounted(t, "ext4"), t.TempDir()
			cold := v.in("cold")
			env := []string{"TOPICS_COLD_DIR=" + cold, "TOPICS_HOT_RETAIN_SEGMENTS=0", "TOPICS_WAL_FILE_BYTES=1MiB"}
			server := serve(t, v.in("data"), env...).ready()
			book := newAcked("fsync")
			if _, err := server.client().PutTopic(context.Background(), book.topic, client.Config{Durability: book.topic}); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for range 20 {
					if err := book.write(t, server.client(), 1000); err != nil {
						t.Fatal(err)
					}
				}
				if err := server.client().Checkpoint(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			backupTool(t, 0, nil, "backup", "--url", server.url(), "--to", v.in("backup"))
			end(server)
			v.unmount()
			v.mount("ro")

			tools := []string{"TOPICS_COLD_DIR=" + cold}
			backupTool(t, 0, tools, "verify", v.in("data"))
			backupTool(t, 0, tools, "verify", v.in("backup"))
			if out := backupTool(t, 0, tools, "dump", v.in("data"), "--topic", "fsync"); strings.Count(out, `"kind":"record"`) < book.count() {
				t.Errorf("the dump has %d records, %d were written", strings.Count(out, `"kind":"record"`), book.count())
			}
			backupTool(t, 0, tools, "backup", "--dir", v.in("data"), "--to", filepath.Join(elsewhere, "backup"))
			for from, to := range map[string]string{
				v.in("backup"):                     filepath.Join(elsewhere, "of-the-volume"),
				filepath.Join(elsewhere, "backup"): filepath.Join(elsewhere, "of-the-copy"),
			} {
				backupTool(t, 0, nil, "restore", "--from", from, "--to", to)
				restored := serve(t, to).ready()
				book.check(t, restored.client(), false)
				restored.stop()
			}
		})
	}
}

// The root of a volume, which has a directory of the file system in it, can be
// used like any other directory.
func TestRootOfAVolume(t *testing.T) {
	t.Parallel()
	v := mounted(t, "ext4")
	server := serve(t, v.root, "TOPICS_WAL_FILE_BYTES=1MiB").ready()
	book := newAcked("fsync")
	if _, err := server.client().PutTopic(context.Background(), book.topic, client.Config{Durability: book.topic}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := book.write(t, server.client(), 1000); err != nil {
			t.Fatal(err)
		}
	}
	server.kill()
	server = server.again().ready()
	book.check(t, server.client(), false)
	backups, restores := mounted(t, "ext4"), mounted(t, "ext4")
	backupTool(t, 0, nil, "backup", "--url", server.url(), "--to", backups.root)
	server.stop()
	backupTool(t, 0, nil, "verify", v.root)
	backupTool(t, 0, nil, "restore", "--from", backups.root, "--to", restores.root)
	restored := serve(t, restores.root, "TOPICS_WAL_FILE_BYTES=1MiB").ready()
	book.check(t, restored.client(), false)
	restored.stop()
}
