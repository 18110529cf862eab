package quantile

import "testing"

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		name    string
		samples []int
		q       float64
		want    int
	}{
		{"none", nil, 0.5, 0},
		{"one", []int{7}, 0.99, 7},
		{"median of an odd count", []int{9, 1, 5}, 0.5, 5},
		{"median of an even count is the lower", []int{4, 1, 3, 2}, 0.5, 2},
		{"p99 of 100", upTo(100), 0.99, 99},
		{"p99 of 10 is the largest", upTo(10), 0.99, 10},
		{"smallest", []int{3, 2, 1}, 0, 1},
		{"largest", []int{3, 2, 1}, 1, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Of(tt.samples, tt.q); got != tt.want {
				t.Errorf("Of(%v, %v) = %d, want %d", tt.samples, tt.q, got, tt.want)
			}
		})
	}
}

func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = n - i
	}
	return s
}
