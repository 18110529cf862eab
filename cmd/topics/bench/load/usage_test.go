package load

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     time.Duration
	}{
		{"plain", "123 (topics) S 1 123 123 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 9 0 100", 2 * time.Second},
		{"a name with everything", "123 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 1 2 0 0", 30 * time.Millisecond},
		{"short", "123 (topics) S 1 2", 0},
		{"empty", "", 0},
		{"letters", "123 (t) S 1 2 3 4 5 6 7 8 9 10 x 2 0 0", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseStat([]byte(tt.in)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestShares(t *testing.T) {
	before := Usage{Client: time.Second, Server: 2 * time.Second}
	after := Usage{Client: 2 * time.Second, Server: 5 * time.Second}
	if got, want := after.Since(before, 2*time.Second), (CPUShares{Client: 0.5, Server: 1.5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
