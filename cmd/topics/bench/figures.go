package bench

import (
	"fmt"
	"math"
)

// figure formats a number with its significant digits: two decimals below 10,
// one below 100, and none above.
func figure(v float64) string {
	switch abs := math.Abs(v); {
	case abs < 10:
		return fmt.Sprintf("%.2f", v)
	case abs < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// megabytes renders a size in units of 1e6 bytes.
func megabytes(n int64) string { return figure(float64(n) / 1e6) }
