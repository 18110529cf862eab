package child

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnviron(t *testing.T) {
	got := environ([]string{"HOME=/h", "TOPICS_PORT=4000", "XTOPICS_A=b"})
	if want := []string{"HOME=/h", "XTOPICS_A=b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTail(t *testing.T) {
	var out tail
	if got := out.String(); got != "nothing" {
		t.Errorf("an empty tail is %q", got)
	}
	for range 100 {
		if n, err := out.Write([]byte(strings.Repeat("a", 1000))); n != 1000 || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	if _, err := out.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); len(got) != tailBytes-1 || !strings.HasSuffix(got, "aaathe end") {
		t.Errorf("kept %d bytes ending in %q", len(got), got[len(got)-20:])
	}
}

func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   Probe
		bad    bool
	}{
		{"ready", 200, `{"status":"ready"}`, Probe{Progress: 1, Phase: "ready"}, false},
		{"replaying", 503, `{"error":{"code":"not_ready","detail":{"replay_progress":0.62,"eta_ms":40,"phase":"replaying"}}}`,
			Probe{Progress: 0.62, ETA: 40 * time.Millisecond, Phase: "replaying"}, false},
		{"no progress", 503, `{"error":{"code":"shutting_down"}}`, Probe{}, true},
		{"no JSON", 502, `Bad Gateway`, Probe{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Probe{Ready: tt.status}
			tt.want.Ready = tt.status
			if err := got.read([]byte(tt.body)); got != tt.want || (err != nil) != tt.bad {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
