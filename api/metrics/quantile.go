package metrics

import (
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// quantiles estimates quantiles (0..1) of a histogram of latencies in
// microseconds, by interpolation inside its buckets, each at most 14 % wide.
// Without observations they are 0.
func quantiles(h *metrics.Histogram, phis ...float64) []float64 {
	type bucket struct{ lo, hi, upTo float64 }
	var buckets []bucket // in ascending order
	total := 0.0
	h.VisitNonZeroBuckets(func(vmrange string, count uint64) {
		from, to, _ := strings.Cut(vmrange, "...")
		// The library's own format. Its last bucket ends at infinity, but
		// begins above what a time.Duration can be in microseconds.
		lo, _ := strconv.ParseFloat(from, 64)
		hi, _ := strconv.ParseFloat(to, 64)
		total += float64(count)
		buckets = append(buckets, bucket{lo, hi, total})
	})
	out := make([]float64, len(phis))
	for i, phi := range phis {
		rank, before := phi*total, 0.0
		for _, b := range buckets {
			if b.upTo >= rank {
				out[i] = b.lo + (b.hi-b.lo)*(rank-before)/(b.upTo-before)
				break
			}
			before = b.upTo
		}
	}
	return out
}
