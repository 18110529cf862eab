package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// offline runs a tool to its end, checks its exit code, and returns its output.
func offline(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := command(t, nil, args...)
	if got := p.exit(); got != code {
		t.Fatalf("topics %s: exit code %d\n%s%s", strings.Join(args, " "), got, p.stdout.String(), p.stderr.String())
	}
	return p.stdout.String()
}

// TestVerifyDumpRepair damages a segment on disk and does what an operator
// would: reads fail and health reports the cause, verify names the place,
// repair removes what is damaged and nothing else, and the server continues.
func TestVerifyDumpRepair(t *testing.T) {
	t.Parallel()
	file, dir := generate(t, 4000), t.TempDir()
	want := lines(t, file)
	server := serve(t, dir, "TOPICS_SEGMENT_MAX_EVENTS=1000").ready()
	if p := command(t, nil, "load", file, "--topic", topic, "--url", server.url()); p.exit() != 0 {
		t.Fatal("the load failed")
	}
	if out := offline(t, 0, "verify", dir); !strings.Contains(out, "is in use by process") {
		t.Fatalf("verify of a running server's data: %s", out)
	}
	// Each stop takes a checkpoint. After three of them the log no longer has what
	// is in the segments of the first.
	for i := range 3 {
		server.stop()
		server = serve(t, dir, "TOPICS_SEGMENT_MAX_EVENTS=1000").ready()
		want = append(want, line{Data: fmt.Appendf(nil, `{"more": %d}`, i)})
		write(t, server.client(), topic, string(want[len(want)-1].Data))
	}
	server.stop()

	if out := offline(t, 0, "verify", dir); !strings.Contains(out, "(4003 records") {
		t.Fatalf("verify: %s", out)
	}
	if out := offline(t, 0, "repair", dir); !strings.Contains(out, "is sound; nothing was changed") {
		t.Fatalf("repair: %s", out)
	}
	checkDump(t, dir, want)

	segments, err := filepath.Glob(filepath.Join(dir, "segments", "*.seg"))
	if err != nil || len(segments) < 3 {
		t.Fatal(segments, err)
	}
	flipByte(t, segments[1])
	out := offline(t, 1, "verify", dir)
	if !strings.Contains(out, segments[1]+" at offset ") || !strings.Contains(out, "topic "+topic+", seqs ") {
		t.Fatalf("verify of a damaged segment: %s", out)
	}
	server = serve(t, dir).ready()
	if _, err := readable(server.client()); err == nil {
		t.Fatal("damage was read as data")
	}
	server.until("health tells of it", func() bool {
		return strings.Contains(body(t, server.url()+"/health"), segments[1])
	})
	server.kill()

	out = offline(t, 0, "repair", dir, "--json")
	var report struct {
		Changed    bool
		Quarantine string
		Lost       []struct{ From, To uint64 } `json:"lost_ranges"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || !report.Changed || len(report.Lost) == 0 {
		t.Fatalf("repair: %s, %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(report.Quarantine, filepath.Base(segments[1]))); err != nil {
		t.Error(err)
	}
	offline(t, 0, "verify", dir)
	server = serve(t, dir).ready()
	got, err := readable(server.client())
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, l := range report.Lost {
		for seq := l.From; seq <= min(l.To, uint64(len(want))); seq++ {
			if want[seq-1].Data = nil; got[seq] != nil {
				t.Errorf("seq %d is lost and there", seq)
			}
			lost++
		}
	}
	for i, w := range want {
		if w.Data != nil && !bytes.Equal(got[uint64(i)+1], w.Data) {
			t.Fatalf("seq %d is %s, want %s", i+1, got[uint64(i)+1], w.Data)
		}
	}
	if len(got)+lost != len(want) || lost > 1000 {
		t.Errorf("%d records, %d lost of %d", len(got), lost, len(want))
	}
	server.stop()
	offline(t, 2, "verify", filepath.Join(dir, "not-there"))
}

// readable reads the topic to its end and returns the data by seq.
func readable(c *client.Client) (map[uint64][]byte, error) {
	got := map[uint64][]byte{}
	q := client.Query{Limit: 500}
	for {
		b, err := c.Diff(context.Background(), topic, q)
		if err != nil {
			return nil, err
		}
		for _, r := range b.Records {
			got[r.Seq] = bytes.Clone(r.Data)
		}
		if q.From = b.NextFrom; b.CaughtUp {
			return got, nil
		}
	}
}

// checkDump holds that a dump has every record once, with its bytes.
func checkDump(t *testing.T, dir string, want []line) {
	t.Helper()
	out := offline(t, 0, "dump", dir, "--segments", "--topic", topic)
	dumped := strings.Split(strings.TrimSpace(out), "\n")
	if len(dumped) != len(want) {
		t.Fatalf("dump: %d lines, want %d", len(dumped), len(want))
	}
	for i, l := range dumped {
		if !json.Valid([]byte(l)) || !strings.HasSuffix(l, `,"data":`+string(want[i].Data)+"}") {
			t.Fatalf("line %d: %s\nwant %s", i, l, want[i].Data)
		}
	}
	if out = offline(t, 0, "dump", dir, "--state"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"head":4003`) {
		t.Fatalf("dump of the state: %s", out)
	}
	if out = offline(t, 0, "dump", dir); !strings.Contains(out, `"kind":"frame"`) {
		t.Fatalf("dump of everything: %.300s", out)
	}
}

// body returns the answer of a probe, whatever its status.
func body(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func flipByte(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	at := info.Size() / 2
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}
