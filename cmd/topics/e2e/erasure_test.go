package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// filesWith returns the files of a directory that have the text.
func filesWith(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if bytes.Contains(content, []byte(text)) {
			names = append(names, filepath.Base(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// After the receipt of topics compact, the log has no byte of what was deleted,
// and no segment has it, in either directory. What the receipt says of the
// archive is so.
func TestCompact(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	server := serve(t, in("data"),
		"TOPICS_COLD_DIR="+in("cold"), "TOPICS_ARCHIVE_DIR="+in("archive"), "TOPICS_WAL_FILE_BYTES=1048576", "TOPICS_HOT_RETAIN_SEGMENTS=1").ready()
	api := server.client()
	if _, err := api.PutTopic(context.Background(), "logins", client.Config{Durability: "fsync"}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		for n := range 50 {
			write(t, api, "logins", fmt.Sprintf(`"kept %d %d"`, i, n))
		}
		if p := command(t, nil, "put", "logins", fmt.Sprintf(`"secret %d"`, i), "--tag", "person", "-q", "--url", server.url()); p.exit() != 0 {
			t.Fatal(p.stderr.String())
		}
		if err := api.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if len(filesWith(t, in("data"), `"secret `)) == 0 {
		t.Fatal("the log has nothing to be erased: the test proves nothing")
	}
	if p := command(t, nil, "delete", "logins", "--tag", "person", "--url", server.url()); p.exit() != 0 {
		t.Fatal(p.stderr.String())
	}
	p := command(t, nil, "compact", "--json", "--url", server.url())
	if p.exit() != 0 {
		t.Fatal(p.stderr.String())
	}
	var r client.ErasureReceipt
	if err := json.Unmarshal([]byte(p.stdout.String()), &r); err != nil {
		t.Fatal(err)
	}
	if r.Records != 3 || r.Rewritten+r.Removed == 0 || r.FirstLSN == 0 || r.FirstFile != r.Elsewhere.ArchiveBefore || r.BytesRead <= r.BytesWritten {
		t.Errorf("%+v", r)
	}
	for _, dir := range []string{"data", "cold"} {
		if names := filesWith(t, in(dir), `"secret `); len(names) > 0 {
			t.Errorf("%s has it in %v", dir, names)
		}
	}
	archived := filesWith(t, in("archive"), `"secret `)
	for _, name := range archived {
		if name >= r.Elsewhere.ArchiveBefore {
			t.Errorf("archived file %s has it, and the receipt names those before %s", name, r.Elsewhere.ArchiveBefore)
		}
	}
	if len(archived) == 0 {
		t.Error("the archive has nothing of it: what the receipt says of it is not proven")
	}

	// Over HTTP the answer is the receipt itself, and every answer is described.
	req, err := http.NewRequest(http.MethodPost, server.url()+"/v0/admin/compact", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Confirm", "true")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var again client.ErasureReceipt
	if err := json.NewDecoder(resp.Body).Decode(&again); err != nil || resp.StatusCode != 200 || again.Records != 0 || again.FirstLSN <= r.FirstLSN {
		t.Errorf("%s: %+v, %v", resp.Status, again, err)
	}
	server.stop()
	dump := command(t, nil, "dump", in("data"), "--cold-dir", in("cold"), "--segments", "--frames")
	if code, out := dump.exit(), dump.stdout.String(); code != 0 || strings.Contains(out, "secret ") || strings.Count(out, "kept ") < 150 {
		t.Errorf("the dump ended with %d, has %d records that are kept, or one that is not: %s", code, strings.Count(out, "kept "), dump.stderr.String())
	}
}
