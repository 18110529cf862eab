package child

import (
	"slices"
	"strings"
	"testing"
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
		want   float64
		phase  string
		bad    bool
	}{
		{"ready", 200, `{"status":"ready"}`, 1, "ready", false},
		{"replaying", 503, `{"error":{"code":"not_ready","detail":{"replay_progress":0.62,"phase":"replaying"}}}`, 0.62, "replaying", false},
		{"no progress", 503, `{"error":{"code":"shutting_down"}}`, 0, "", true},
		{"no JSON", 502, `Bad Gateway`, 0, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, phase, err := progress(tt.status, []byte(tt.body))
			if got != tt.want || phase != tt.phase || (err != nil) != tt.bad {
				t.Errorf("got %v, %q, %v", got, phase, err)
			}
		})
	}
}
