package main

import "testing"

func TestGCPercent(t *testing.T) {
	for _, row := range []struct {
		live uint64
		want int
	}{
		{0, 100}, {1 << 20, 100}, {64 << 20, 100}, {128 << 20, 50}, {256 << 20, 25}, {1 << 40, 10},
	} {
		if got := gcPercent(row.live); got != row.want {
			t.Errorf("%d bytes live: %d %%, want %d %%", row.live, got, row.want)
		}
	}
}

func TestRuntimeBytes(t *testing.T) {
	for limit, want := range map[int64]int64{64 << 20: 48 << 20, 256 << 20: 224 << 20, 10 << 30: 9 << 30} {
		if got := runtimeBytes(limit); got != want {
			t.Errorf("of %d: %d, want %d", limit, got, want)
		}
	}
}
