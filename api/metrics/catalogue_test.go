package metrics

import (
	"bytes"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

var (
	sentence   = regexp.MustCompile(`^[A-Z].{10,}\.$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",? ?)*\})? (\S+)$`)
)

func TestQuantilesWithoutObservations(t *testing.T) {
	var h metrics.Histogram
	if q := quantiles(&h, 0.5, 0.99); q[0] != 0 || q[1] != 0 {
		t.Errorf("got %v", q)
	}
	h.Update(0)
	if q := quantiles(&h, 0.5); q[0] > 1e-8 {
		t.Errorf("one zero gave %v", q)
	}
}

func TestAnnotate(t *testing.T) {
	raw := "topics_ready 1\nunknown_thing{a=\"b\"} 2\n# HELP topics_topics\n\n" +
		"topics_topics_by_class{class=\"disk\"} 3\ntopics_topics_by_class{class=\"fsync\"} 4\n" +
		"topics_wal_group_frames_bucket{le=\"1\"} 5\ntopics_wal_group_frames_sum 5\ntopics_ready_count 1\n"
	want := "# HELP topics_ready Whether the server is ready for traffic: 1 or 0.\n# TYPE topics_ready gauge\ntopics_ready 1\n" +
		"# HELP topics_topics_by_class Topics that exist, by durability class.\n# TYPE topics_topics_by_class gauge\n" +
		"topics_topics_by_class{class=\"disk\"} 3\ntopics_topics_by_class{class=\"fsync\"} 4\n" +
		"# HELP topics_wal_group_frames Frames that one sync of the log made durable together.\n# TYPE topics_wal_group_frames histogram\n" +
		"topics_wal_group_frames_bucket{le=\"1\"} 5\ntopics_wal_group_frames_sum 5\n"
	if got := string(annotate([]byte(raw))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Nothing that the library reports of the process is left out for want of a
// sentence, except what breaks the naming rules.
func TestCatalogueIsComplete(t *testing.T) {
	var raw bytes.Buffer
	metrics.WriteProcessMetrics(&raw)
	metrics.WriteFDMetrics(&raw)
	refused := []string{"go_cgo_calls_count", "go_cpu_count", "go_gc_forced_count"}
	for line := range bytes.Lines(raw.Bytes()) {
		name := string(line[:bytes.IndexAny(line, "{ ")])
		if _, ok := familyOf(line); ok == slices.Contains(refused, name) {
			t.Errorf("%s: in the catalogue %v", name, ok)
		}
	}
	// The rules a linter of names applies; the contract fixed two names
	// otherwise.
	abbreviated := regexp.MustCompile(`_(s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)(_|$)`)
	var odd []string
	seen := map[string]bool{}
	for _, f := range families {
		if !sentence.MatchString(f.help) || seen[f.name] {
			t.Errorf("%s: %q, twice %v", f.name, f.help, seen[f.name])
		}
		seen[f.name] = true
		if abbreviated.MatchString(f.name) {
			odd = append(odd, f.name)
		}
		if n := f.name; strings.HasSuffix(n, "_count") || strings.HasSuffix(n, "_sum") || strings.HasSuffix(n, "_bucket") ||
			(f.kind == counter) != strings.HasSuffix(n, "_total") {
			t.Errorf("%s is a bad name for a %s", n, f.kind)
		}
	}
	if want := []string{"topics_uptime_ms", "topics_wal_fsync_latency_us"}; !slices.Equal(odd, want) {
		t.Errorf("names with abbreviated units: %v, want %v", odd, want)
	}
}

func TestEscapeLabel(t *testing.T) {
	if got := escapeLabel("a\"b\\c\nd"); got != `a\"b\\c\nd` {
		t.Errorf("got %s", got)
	}
	var w bytes.Buffer
	writeSample(&w, `x{y="`+escapeLabel("\"\n\\")+`"}`, int64(-3))
	if !sampleLine.MatchString(strings.TrimSpace(w.String())) || !strings.HasSuffix(w.String(), " -3\n") {
		t.Errorf("got %s", w.String())
	}
}

func TestFsyncBuckets(t *testing.T) {
	if fsyncBounds[0] != 50 || fsyncBounds[len(fsyncBounds)-1] != 10_000_000 || !slices.Contains(fsyncBounds[:], 500) {
		t.Errorf("bounds are %v", fsyncBounds)
	}
	for _, b := range [][]float64{fsyncBounds[:], groupBounds, requestBounds} {
		if !sort.Float64sAreSorted(b) || metrics.ValidateBuckets(b) != nil {
			t.Errorf("bad bounds %v", b)
		}
	}
}

// A label's value comes back as it was, whatever is in it.
func TestParseLine(t *testing.T) {
	for _, value := range []string{"", "plain", `a"b\c` + "\n}, {", "x=y,z"} {
		line := `topics_topic_head_seq{topic="` + escapeLabel(value) + `",x="1"} 12.5` + "\n"
		want := parsed{"topics_topic_head_seq", []Label{{"topic", value}, {"x", "1"}}, 12.5}
		if got := parseLine([]byte(line)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v", value, got)
		}
	}
	if got := parseLine([]byte("topics_ready 1\n")); !reflect.DeepEqual(got, parsed{name: "topics_ready", value: 1}) {
		t.Errorf("%+v", got)
	}
}
