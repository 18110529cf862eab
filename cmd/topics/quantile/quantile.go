// Package quantile reads quantiles off samples that fit in memory.
package quantile

import (
	"cmp"
	"math"
	"slices"
)

// Of returns the q-quantile (0 to 1) of samples by nearest rank, so it is
// always one of them; the zero value when there are none. samples are sorted
// in place.
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

// Median is the 0.5-quantile.
func Median[T cmp.Ordered](samples []T) T { return Of(samples, 0.5) }
