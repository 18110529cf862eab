// Package quantile computes quantiles of samples that fit in memory.
package quantile

import (
	"cmp"
	"math"
	"slices"
)

// Of returns the q-quantile (0 to 1) of samples by nearest rank, which is
// always one of the samples. It returns the zero value if there are none. It
// sorts samples in place.
func Of[T cmp.Ordered](samples []T, q float64) T {
	if len(samples) == 0 {
		var zero T
		return zero
	}
	if !slices.IsSorted(samples) {
		slices.Sort(samples)
	}
	rank := int(math.Ceil(q * float64(len(samples))))
	return samples[min(max(rank, 1), len(samples))-1]
}

// Median returns the 0.5-quantile.
func Median[T cmp.Ordered](samples []T) T { return Of(samples, 0.5) }
