package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	c, err := Load(nil, large)
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr() != "127.0.0.1:4000" || c.DataDir != "./topics-data" || c.LogLevel != "info" ||
		c.DiskSync != 10*time.Millisecond || c.WALFileBytes != 64<<20 || c.WALQueueBytes != 64<<20 ||
		c.CacheBytes != 256<<20 || c.MaxBatchRecords != 10_000 || c.MaxRecordBytes != 1<<20 ||
		c.MaxBodyBytes != 64<<20 || c.MaxMetaBytes != 16<<10 || c.MaxTagBytes != 256 ||
		c.MaxNodeBytes != 128 || c.MaxLimit != 1000 || c.MaxTopics != 100_000 || c.DrainDelay != 0 ||
		c.DrainTimeout != 10*time.Second || c.MetricsMaxTopics != 1000 || c.EphemeralBytes != 1<<30 || c.IdempotencyBytes != 64<<20 ||
		c.CheckpointBytes != 256<<20 || c.CheckpointInterval != time.Minute || c.SegmentMaxBytes != 64<<20 ||
		c.SegmentMaxEvents != 1_000_000 || c.SegmentMaxAge != 0 || c.ColdDir != "" || c.HotRetainSegments != 8 ||
		c.HotRetainBytes != 0 || c.ArchiveDir != "" {
		t.Errorf("defaults: %+v", c)
	}
	if c.OpsAddr != "" || c.Keys.Len() != 0 || c.ProbeAuth || c.CORSOrigins != nil || c.MaxRouters != 10_000 ||
		c.MaxWatchSessions != 10_000 || c.MaxStreams != 10_000 || c.MaxStreamsPerKey != 1000 || c.MaxInflightPerKey != 1000 ||
		c.MaxTotalBytes != 0 || c.MaxWatchTopics != 256 || c.MaxClaim != 1000 || c.SSEMaxAge != 0 {
		t.Errorf("defaults: %+v", c)
	}
	want := []string{"no API keys: anyone who can reach 127.0.0.1:4000 may read, write and delete"}
	if !slices.Equal(c.Warnings, want) {
		t.Errorf("warnings %q, want %q", c.Warnings, want)
	}
}

func TestEveryProblemIsOneLine(t *testing.T) {
	for _, tt := range []struct {
		env  string // entries separated by spaces
		want []string
	}{
		{"TOPICS_PORT=abc", []string{`TOPICS_PORT: "abc" is not a whole number`}},
		{"TOPICS_PORT=70000", []string{"TOPICS_PORT: 70000 is out of range: 0 to 65535"}},
		{"TOPICS_PORT=99999999999999999999", []string{"TOPICS_PORT: 99999999999999999999 is out of range: 0 to 65535"}},
		{"TOPICS_PORT=-1", []string{"TOPICS_PORT: -1 is out of range: 0 to 65535"}},
		{"TOPICS_WAL_FILE_BYTES=64Mib8", []string{`TOPICS_WAL_FILE_BYTES: "64Mib8" is not a size such as 4096, 64KiB, 64MiB or 1G`}},
		{"TOPICS_WAL_FILE_BYTES=1KiB", []string{"TOPICS_WAL_FILE_BYTES: 1KiB is out of range: 1MiB to 4GiB"}},
		{"TOPICS_CACHE_BYTES=9000000TiB", []string{"TOPICS_CACHE_BYTES: 9000000TiB is out of range: 0 to 1TiB"}},
		{"TOPICS_CACHE_BYTES=99999999TiB", []string{"TOPICS_CACHE_BYTES: 99999999TiB is out of range: 0 to 1TiB"}},
		{"TOPICS_LOG_LEVEL=loud", []string{`TOPICS_LOG_LEVEL: "loud" is none of trace, debug, info, warn, error`}},
		{"TOPICS_EXIT_ON_RECOVERY_FAILURE=yep", []string{`TOPICS_EXIT_ON_RECOVERY_FAILURE: "yep" is not true, false, 1 or 0`}},
		{"TOPICS_PROT=1", []string{"TOPICS_PROT: unknown variable; did you mean TOPICS_PORT?"}},
		{"TOPICS_DATADIR=x", []string{"TOPICS_DATADIR: unknown variable; did you mean TOPICS_DATA_DIR?"}},
		{"TOPICS_FROBNICATE=x", []string{"TOPICS_FROBNICATE: unknown variable; `topics config` lists all of them"}},
		{"TOPICS_MAX_CLAIM=0", []string{"TOPICS_MAX_CLAIM: 0 is out of range: 1 to 10000"}},
		{"TOPICS_OPS_ADDR=::1", []string{`TOPICS_OPS_ADDR: "::1" has no port`}},
		{"TOPICS_OPS_ADDR=localhost:x", []string{`TOPICS_OPS_ADDR: "localhost:x": port "x" is not a number from 0 to 65535`}},
		{"TOPICS_OPS_ADDR=:9090", []string{`TOPICS_OPS_ADDR: "" can be reached from other machines and there are no API keys; set TOPICS_API_KEYS, or TOPICS_ALLOW_INSECURE_NO_AUTH=1 to serve anyone who can connect`}},
		{"TOPICS_API_KEYS=hush,hush:hush,:hush", []string{
			"TOPICS_API_KEYS: entry 2 has a scope, number 1, that is none of read, write, delete, admin, admin-read, admin-write, r, w, d, a, ar, aw, rw",
			"TOPICS_API_KEYS: entry 3 has no key",
		}},
		{"TOPICS_API_KEYS_FILE=/does/not/exist", []string{"TOPICS_API_KEYS_FILE: open /does/not/exist: no such file or directory"}},
		{"TOPICS_CORS_ORIGINS=example.com", []string{`TOPICS_CORS_ORIGINS: "example.com" is not an origin such as https://example.com, nor *`}},
		{"TOPICS_CORS_ORIGINS=https://a.example,https://b.example/", []string{`TOPICS_CORS_ORIGINS: "https://b.example/" is not an origin such as https://example.com, nor *`}},
		{"TOPICS_CORS_ORIGINS=https://*.example", []string{`TOPICS_CORS_ORIGINS: "https://*.example" is not an origin such as https://example.com, nor *`}},
		{"TOPICS_CORS_ORIGINS=null", []string{`TOPICS_CORS_ORIGINS: "null" is not an origin such as https://example.com, nor *`}},
		{"TOPICS_CORS_ORIGINS=https://a.example,*", []string{`TOPICS_CORS_ORIGINS: "https://a.example,*": * must be the only entry, because it allows all origins`}},
		{"TOPICS_CHECKPOINT_BYTES=0", []string{"TOPICS_CHECKPOINT_BYTES: 0 is out of range: 1MiB to 1TiB"}},
		{"TOPICS_CHECKPOINT_INTERVAL_MS=-1", []string{"TOPICS_CHECKPOINT_INTERVAL_MS: -1 is out of range: 0 to 86400000"}},
		{"TOPICS_SEGMENT_MAX_EVENTS=1", []string{"TOPICS_SEGMENT_MAX_EVENTS: 1 is out of range: 1000 to 100000000"}},
		{"TOPICS_HOT_RETAIN_BYTES=1025TiB", []string{"TOPICS_HOT_RETAIN_BYTES: 1025TiB is out of range: 0 to 1024TiB"}},
		{"TOPICS_HOST=[::1:x", []string{`TOPICS_HOST: "[::1:x" is neither a host nor host:port`}},
		{"TOPICS_HOST=localhost:x", []string{`TOPICS_HOST: "localhost:x": port "x" is not a number from 0 to 65535`}},
		{"TOPICS_HOST=0.0.0.0", []string{`TOPICS_HOST: "0.0.0.0" can be reached from other machines and there are no API keys; set TOPICS_API_KEYS, or TOPICS_ALLOW_INSECURE_NO_AUTH=1 to serve anyone who can connect`}},
		{"TOPICS_MAX_RECORD_BYTES=128MiB", []string{"TOPICS_MAX_RECORD_BYTES: must not be above TOPICS_MAX_BODY_BYTES"}},
		{"TOPICS_DRAIN_DELAY_MS=20000", []string{"TOPICS_DRAIN_DELAY_MS: must not be above TOPICS_DRAIN_TIMEOUT_MS"}},
		{"TOPICS_PROT=1 TOPICS_PORT=x TOPICS_MAX_LIMIT=0", []string{
			"TOPICS_MAX_LIMIT: 0 is out of range: 1 to 1000000",
			`TOPICS_PORT: "x" is not a whole number`,
			"TOPICS_PROT: unknown variable; did you mean TOPICS_PORT?",
		}},
	} {
		c, err := Load(strings.Fields(tt.env), large)
		var got Problems
		if !errors.As(err, &got) || c != nil {
			t.Errorf("%s: accepted, %v", tt.env, err)
			continue
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.env, got, tt.want)
		}
		if got.ExitCode() != 2 {
			t.Errorf("exit code %d, want 2", got.ExitCode())
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		env, want string
		warnings  int
	}{
		{"TOPICS_HOST=127.0.0.1", "127.0.0.1:4000", 1},
		{"TOPICS_HOST=127.0.0.1:0", "127.0.0.1:0", 1},
		{"TOPICS_HOST=::1", "[::1]:4000", 1},
		{"TOPICS_HOST=[::1]", "[::1]:4000", 1},
		{"TOPICS_HOST=[::1]:5000", "[::1]:5000", 1},
		{"TOPICS_HOST=localhost TOPICS_PORT=7", "localhost:7", 1},
		{"TOPICS_HOST=[::1]:5000 TOPICS_PORT=7", "[::1]:5000", 2},
		{"TOPICS_HOST=::ffff:127.0.0.1", "[::ffff:127.0.0.1]:4000", 1},
		{"TOPICS_HOST=0.0.0.0 TOPICS_ALLOW_INSECURE_NO_AUTH=1", "0.0.0.0:4000", 1},
		{"TOPICS_HOST=:: TOPICS_ALLOW_INSECURE_NO_AUTH=true", "[::]:4000", 1},
		{"TOPICS_HOST=:4001 TOPICS_ALLOW_INSECURE_NO_AUTH=1", ":4001", 1},
		{"TOPICS_HOST=", "127.0.0.1:4000", 1},
		{"TOPICS_WAL_SHARDS=8", "127.0.0.1:4000", 2},
		{"TOPICS_HOST=0.0.0.0 TOPICS_API_KEYS=hush", "0.0.0.0:4000", 0},
		{"TOPICS_HOST=:4001 TOPICS_OPS_ADDR=[::]:0 TOPICS_API_KEYS=hush:r", ":4001", 0},
		{"TOPICS_OPS_ADDR=[::1]:0", "127.0.0.1:4000", 1},
		{"TOPICS_OPS_ADDR=0.0.0.0:9 TOPICS_ALLOW_INSECURE_NO_AUTH=1", "127.0.0.1:4000", 1},
	} {
		c, err := Load(strings.Fields(tt.env), large)
		if err != nil {
			t.Errorf("%s: %v", tt.env, err)
			continue
		}
		if c.Addr() != tt.want || len(c.Warnings) != tt.warnings {
			t.Errorf("%s: %s with warnings %q, want %s with %d", tt.env, c.Addr(), c.Warnings, tt.want, tt.warnings)
		}
	}
}

func TestKubernetesServiceLinksAreNotSettings(t *testing.T) {
	links := []string{
		"TOPICS_SERVICE_HOST=10.0.0.1",
		"TOPICS_SERVICE_PORT=4000",
		"TOPICS_SERVICE_PORT_HTTP=4000",
		"TOPICS_PORT_4000_TCP=tcp://10.0.0.1:4000",
		"TOPICS_PORT_4000_TCP_PROTO=tcp",
		"TOPICS_PORT_4000_TCP_PORT=4000",
		"TOPICS_PORT_4000_TCP_ADDR=10.0.0.1",
		"TOPICS_HEADLESS_SERVICE_HOST=10.0.0.2",
		"TOPICS_HEADLESS_PORT=tcp://10.0.0.2:4000",
	}
	c, err := Load(links, large)
	if err != nil || len(c.Warnings) != 1 {
		t.Fatalf("%v %q", err, c.Warnings)
	}
	c, err = Load(append(links, "TOPICS_PORT=tcp://10.0.0.1:4000"), large)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 4000 || len(c.Warnings) != 2 || !strings.Contains(c.Warnings[0], "enableServiceLinks: false") {
		t.Errorf("port %d, warnings %q", c.Port, c.Warnings)
	}
}

func TestSizesReadBackAsWritten(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64
		out  string
	}{
		{"0", 0, "0"}, {"1", 1, "1"}, {"7B", 7, "7"}, {"64MiB", 64 << 20, "64MiB"}, {"64 mib", 64 << 20, "64MiB"},
		{"1000kb", 1_000_000, "1000000"}, {"2048KiB", 2 << 20, "2MiB"}, {"1GB", 1e9, "1000000000"},
		{"1G", 1e9, "1000000000"}, {"512M", 512e6, "500000KiB"}, {"3k", 3000, "3000"}, {"2T", 2e12, "1953125000KiB"},
		{"1Gi", 1 << 30, "1GiB"}, {"512Mi", 512 << 20, "512MiB"}, {"16 ki", 16 << 10, "16KiB"}, {"1Ti", 1 << 40, "1TiB"},
	} {
		n, err := parseSize(tt.in)
		if err != nil || n != tt.want || formatSize(n) != tt.out {
			t.Errorf("%q: %d %v, shown as %s; want %d as %s", tt.in, n, err, formatSize(n), tt.want, tt.out)
		}
	}
	for _, bad := range []string{"", "MiB", "1.5MiB", "-1MiB ", "0x10", "1PiB", "1 0", "G", "1i", "1iB", "1P", "1m b"} {
		if n, err := parseSize(bad); err == nil {
			t.Errorf("%q: read as %d", bad, n)
		}
	}
}

func TestDurationsHaveUnits(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration
	}{
		{"0", 0}, {"1500", 1500 * time.Millisecond}, {"1500ms", 1500 * time.Millisecond}, {"60s", time.Minute},
		{"1.5s", 1500 * time.Millisecond}, {"5m", 5 * time.Minute}, {"1h30m", 90 * time.Minute}, {"7d", 7 * 24 * time.Hour},
	} {
		c, err := Load([]string{"TOPICS_SEGMENT_MAX_AGE_MS=" + tt.in}, large)
		if err != nil || c.SegmentMaxAge != tt.want {
			t.Errorf("%q: %v, want %v", tt.in, err, tt.want)
		}
	}
	for _, bad := range []string{"s", "5x", "1d2h", "0.1ms", "1 s", "d", "1.5d"} {
		_, err := Load([]string{"TOPICS_SEGMENT_MAX_AGE_MS=" + bad}, large)
		want := fmt.Sprintf("TOPICS_SEGMENT_MAX_AGE_MS: %q is not a duration such as 500, 500ms, 60s, 5m or 7d", bad)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", bad, err, want)
		}
	}
	for _, far := range []string{"31d", "-5s", "999999999999999999999d", "9223372036854775807d"} {
		_, err := Load([]string{"TOPICS_SEGMENT_MAX_AGE_MS=" + far}, large)
		want := "TOPICS_SEGMENT_MAX_AGE_MS: " + far + " is out of range: 0 to 2592000000"
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", far, err, want)
		}
	}
}

func TestOutputsShowEffectiveValues(t *testing.T) {
	c, err := Load([]string{"TOPICS_CACHE_BYTES=1024KiB"}, large)
	if err != nil {
		t.Fatal(err)
	}
	var table, js bytes.Buffer
	if err := errors.Join(c.Table(&table), c.JSON(&js)); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(table.String(), "\n") {
		if f := strings.Fields(line); len(f) > 0 && f[0] == "TOPICS_CACHE_BYTES" && (f[1] != "1MiB" || f[2] != "environment") {
			t.Errorf("table says %q", line)
		}
	}
	var rows []struct{ Name, Value, Source, Default, Type, Doc string }
	if err := json.Unmarshal(js.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(c.variables()) {
		t.Errorf("%d rows for %d variables", len(rows), len(c.variables()))
	}
	for _, r := range rows {
		if r.Name == "" || r.Type == "" || !strings.HasSuffix(r.Doc, ".") {
			t.Errorf("%+v: every variable needs a name, a type and a sentence", r)
		}
		if !strings.Contains(table.String(), r.Name) {
			t.Errorf("%s is not in the table", r.Name)
		}
	}
	if c.Map()["TOPICS_CACHE_BYTES"] != "1MiB" {
		t.Errorf("map says %v", c.Map()["TOPICS_CACHE_BYTES"])
	}
}

func TestDocumentIsCurrent(t *testing.T) {
	var want bytes.Buffer
	if err := Markdown(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/configuration.md is not what the declarations say: run go generate ./cmd/topics")
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64MiB", "1 GB", "-5", "9223372036854775807B", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseSize(s)
		if err != nil {
			return
		}
		if back, err := parseSize(formatSize(n)); err != nil || back != n {
			t.Errorf("%q is %d, shown as %q, read back as %d, %v", s, n, formatSize(n), back, err)
		}
	})
}

// The variables of commands that connect to a server are no mistakes of a
// server's environment.
func TestClientVariables(t *testing.T) {
	if _, err := Load([]string{"TOPICS_URL=http://h", "TOPICS_KEY=k", "TOPICS_CONTEXT=c"}, ThisMachine()); err != nil {
		t.Error(err)
	}
	if _, err := Load([]string{"TOPICS_URLS=http://h"}, ThisMachine()); err == nil || !strings.Contains(err.Error(), "did you mean TOPICS_URL?") {
		t.Errorf("%v", err)
	}
}

// A flag precedes the variable, and has a name and a value of its own.
func TestFlags(t *testing.T) {
	flags := NewFlags()
	if err := flags.set("port", "4100"); err != nil {
		t.Fatal(err)
	}
	env := flags.Environ([]string{"TOPICS_PORT=1", "TOPICS_PORT=2", "HOME=/h", "TOPICS_DATA_DIR=d"})
	if want := []string{"HOME=/h", "TOPICS_DATA_DIR=d", "TOPICS_PORT=4100"}; !slices.Equal(env, want) {
		t.Errorf("%q", env)
	}
	for _, v := range new(Config).variables() {
		if _, ok := flags.values[flagName(v.Name)]; !ok {
			t.Errorf("%s has no flag", v.Name)
		}
	}
}
