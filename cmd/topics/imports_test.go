package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/e6e95bb8/topics"

// mayImport has, for each directory, the directories of this module that its
// packages may depend on, directly or not. The longest matching directory
// applies.
var mayImport = map[string][]string{
	"wal":               {"wal"},
	"wal/frame":         {"wal/frame"},
	"wal/vfs":           {"wal/vfs"},
	"topics":            {"topics", "queue", "wal"},
	"topics/entry":      {"topics/entry", "topics/record", "queue", "wal"},
	"topics/record":     {"topics/record"},
	"topics/index":      {"topics/index", "topics/record", "topics/segment", "wal"},
	"topics/follow":     {"topics/follow", "topics/lockorder", "topics/record"},
	"topics/lockorder":  {"topics/lockorder"},
	"topics/clock":      {"topics/clock"},
	"topics/rate":       {"topics/rate"},
	"topics/paths":      {"topics/paths", "topics/record"},
	"topics/segment":    {"topics/segment", "wal/vfs"},
	"topics/router":     {"topics/router", "topics/paths", "topics/topic", "topics/clock", "topics/entry", "topics/index", "topics/lockorder", "topics/rate", "topics/record", "topics/segment", "queue", "wal"},
	"topics/catalog":    {"topics/catalog", "topics/topic", "topics/clock", "topics/entry", "topics/index", "topics/lockorder", "topics/rate", "topics/record", "topics/segment", "queue", "wal"},
	"topics/jobs":       {"topics/jobs", "topics/catalog", "topics/topic", "topics/clock", "topics/entry", "topics/index", "topics/lockorder", "topics/rate", "topics/record", "topics/segment", "queue", "wal"},
	"topics/replay":     {"topics/replay", "topics/router", "topics/paths", "topics/catalog", "topics/topic", "topics/clock", "topics/entry", "topics/index", "topics/lockorder", "topics/rate", "topics/record", "topics/segment", "queue", "wal"},
	"topics/changes":    {"topics/changes", "topics/router", "topics/paths", "topics/catalog", "topics/topic", "topics/clock", "topics/entry", "topics/index", "topics/lockorder", "topics/rate", "topics/record", "topics/segment", "queue", "wal"},
	"topics/topic":      {"topics/topic", "topics/clock", "topics/entry", "topics/index", "topics/lockorder", "topics/rate", "topics/record", "topics/segment", "queue", "wal"},
	"queue":             {"queue"},
	"recovery":          {"recovery", "queue", "topics", "wal"},
	"recovery/health":   {"recovery/health", "wal"},
	"recovery/manifest": {"recovery/manifest", "topics/segment", "wal"},
	"recovery/store":    {"recovery/store", "recovery/health", "recovery/manifest", "queue", "topics", "wal"},
	"api":               {"api", "queue", "recovery/health", "topics", "wal"},
	"api/wire":          {"api/wire", "api/scan", "api/spelling", "queue", "topics", "wal"},
	"api/metrics":       {"api/metrics", "api/conns", "recovery/health", "queue", "topics", "wal"},
	"api/request":       {"api/request", "api/render", "api/scan", "api/spelling", "api/watch", "api/wire", "queue", "topics", "wal"},
	"api/cloudevent":    {"api/cloudevent", "api/render", "api/scan", "api/spelling", "api/wire", "queue", "topics", "wal"},
	"api/call":          {"api/call", "api/auth", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "queue", "topics", "wal"},
	"api/admin":         {"api/admin", "api/audit", "api/metrics", "api/probes", "recovery/health", "api/auth", "api/call", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "queue", "topics", "wal"},
	"api/audit":         {"api/audit", "api/auth", "api/call", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "queue", "topics", "wal"},
	"api/probes":        {"api/probes", "api/auth", "api/call", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "recovery/health", "queue", "topics", "wal"},
	"api/telemetry":     {"api/telemetry", "api/eventloop", "api/history", "api/metrics", "api/probes", "api/auth", "api/call", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "recovery/health", "queue", "topics", "wal"},
	"api/catalog":       {"api/catalog", "api/listing", "api/queues", "api/auth", "api/call", "api/conns", "api/metrics", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "recovery/health", "queue", "topics", "wal"},
	"api/records":       {"api/records", "api/cloudevent", "api/queues", "api/auth", "api/call", "api/conns", "api/metrics", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "recovery/health", "queue", "topics", "wal"},
	"api/session":       {"api/session", "api/auth", "api/call", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "queue", "topics", "wal"},
	"api/socket":        {"api/socket", "api/eventloop", "api/audit", "api/session", "api/queues", "api/auth", "api/call", "api/conns", "api/metrics", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "recovery/health", "queue", "topics", "wal"},
	"api/queues":        {"api/queues", "api/auth", "api/call", "api/conns", "api/metrics", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "recovery/health", "queue", "topics", "wal"},
	"api/client":        {"api/client"},
	"api/http1":         {"api/http1", "api/conns", "api/eventloop"},
	"api/eventloop":     {"api/eventloop"},
	"api/listing":       {"api/listing", "api/auth", "api/call", "api/conns", "api/render", "api/request", "api/scan", "api/spelling", "api/watch", "api/wire", "queue", "topics", "wal"},
	"api/scan":          {"api/scan"},
	"api/console":       {"api/console"},
	"cmd":               {"cmd", "api", "recovery", "queue", "topics", "wal"},
	"docs":              {}, // tests alone
}

// mayNotImport has the external packages that would violate the purpose of a
// directory.
var mayNotImport = map[string][]string{
	"wal":    {"net/http"},
	"topics": {"net/http"},
	"queue":  {"net/http", "os"},
	// These are for tests and code generation.
	"cmd": {"github.com/getkin/kin-openapi/openapi3", "github.com/santhosh-tekuri/jsonschema/v6", "testing"},
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module+"/")
		rule := folder(pkg)
		if rule == "" {
			t.Errorf("%s is in no known folder", pkg)
		}
		seen[rule] = true
		for _, dep := range fields[1:] {
			if inner, ok := strings.CutPrefix(dep, module+"/"); ok {
				if !slices.ContainsFunc(mayImport[rule], func(f string) bool { return within(inner, f) }) {
					t.Errorf("%s depends on %s", pkg, inner)
				}
			} else if slices.Contains(mayNotImport[rule], dep) {
				t.Errorf("%s depends on %s", pkg, dep)
			}
		}
	}
	for _, rule := range []string{"wal", "topics", "api", "api/client", "recovery", "recovery/health", "recovery/manifest", "recovery/store", "cmd"} {
		if !seen[rule] {
			t.Errorf("no package in %s: the rules test nothing there", rule)
		}
	}
}

// folder returns the longest directory of mayImport that contains pkg.
func folder(pkg string) (best string) {
	for f := range mayImport {
		if within(pkg, f) && len(f) > len(best) {
			best = f
		}
	}
	return best
}

func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

func TestTopLevelFolders(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		// Binaries built by `make` and data of a server that was run here are not
		// source.
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "bin" && e.Name() != "topics-data" {
			got = append(got, e.Name())
		}
	}
	if want := []string{"api", "cmd", "docs", "queue", "recovery", "topics", "wal"}; !slices.Equal(got, want) {
		t.Errorf("top-level folders are %v, want %v", got, want)
	}
}
