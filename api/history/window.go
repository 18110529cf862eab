package history

import (
	"math"
	"strconv"
	"time"
)

// window is a part of a ring in steps of its own, each of which combines one or
// more of the ring's. The steps are aligned, so that a later window has the same
// ones.
type window struct {
	ring   *Ring
	groups [][2]int // [from, to) of numbers of steps, oldest first
}

// last returns the window of the last span, in steps of stride of the ring's.
func (r *Ring) last(span time.Duration, stride int) window {
	w := window{ring: r}
	from := max(0, r.added-min(Steps, int(span/Step)))
	for from < r.added {
		to := min((from/stride+1)*stride, r.added)
		w.groups = append(w.groups, [2]int{from, to})
		from = to
	}
	return w
}

// AppendJSON appends the members of an object with the last span in steps of
// the given length, a multiple of Step:
//
//	"step_ms":5000,"times":[...],"series":{"name":[...]},"fsync":{"bounds_us":[...],"counts":[[...]]}
//
// times has the Unix milliseconds at which each step ended. A value that is
// unknown is null. counts has, for each step, the number of observations in each
// bucket; the last bucket has those above all bounds.
func (r *Ring) AppendJSON(b []byte, span, step time.Duration) []byte {
	w := r.last(span, max(1, int(step/Step)))
	b = strconv.AppendInt(append(b, `"step_ms":`...), step.Milliseconds(), 10)
	b = append(b, `,"times":[`...)
	for _, g := range w.groups {
		b = append(strconv.AppendInt(b, r.ended[(g[1]-1)%Steps], 10), ',')
	}
	b = append(endList(b), `,"series":{`...)
	for s := range r.series {
		b = append(strconv.AppendQuote(b, r.series[s].Name), ":["...)
		for _, g := range w.groups {
			b = append(appendValue(b, w.value(s, g)), ',')
		}
		b = append(endList(b), ',')
	}
	b[len(b)-1] = '}'
	b = append(b, `,"fsync":{"bounds_us":[`...)
	for _, bound := range r.bounds {
		b = append(appendValue(b, bound), ',')
	}
	b = append(endList(b), `,"counts":[`...)
	for _, g := range w.groups {
		b = append(b, '[')
		for _, n := range w.counts(g) {
			b = append(strconv.AppendUint(b, n, 10), ',')
		}
		b = append(endList(b), ',')
	}
	return append(endList(b), '}')
}

// endList ends a list of which each element is followed by a comma.
func endList(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b[len(b)-1] = ']'
		return b
	}
	return append(b, ']')
}

// appendValue appends a value with three decimal places at most.
func appendValue(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, math.Round(v*1000)/1000, 'f', -1, 64)
}

// value combines the steps of a group. Those that are unknown do not count.
func (w *window) value(series int, g [2]int) float64 {
	r := w.ring
	kind := r.series[series].Kind
	switch kind {
	case Median:
		return quantile(0.5, r.bounds, w.counts(g))
	case Slowest:
		return quantile(0.99, r.bounds, w.counts(g))
	}
	out, sum, seconds := math.NaN(), 0.0, 0.0
	for n := g[0]; n < g[1]; n++ {
		i := n % Steps
		v := r.values[series][i]
		if math.IsNaN(v) {
			continue
		}
		switch kind {
		case Rate:
			sum, seconds = sum+v*r.lasted[i], seconds+r.lasted[i]
			out = sum / seconds
		case Peak:
			if math.IsNaN(out) || v > out {
				out = v
			}
		default:
			out = v
		}
	}
	return out
}

// counts returns the observations of a group in each bucket.
func (w *window) counts(g [2]int) []uint64 {
	out := make([]uint64, len(w.ring.bounds)+1)
	for n := g[0]; n < g[1]; n++ {
		for b, count := range w.ring.buckets[n%Steps] {
			out[b] += uint64(count)
		}
	}
	return out
}

// quantile estimates a quantile of a histogram by interpolation in its bucket.
// Without observations it is NaN. Above all bounds it is the last bound.
func quantile(phi float64, bounds []float64, counts []uint64) float64 {
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return math.NaN()
	}
	rank, before, low := phi*float64(total), 0.0, 0.0
	for i, bound := range bounds {
		upTo := before + float64(counts[i])
		if counts[i] > 0 && upTo >= rank {
			return low + (bound-low)*(rank-before)/float64(counts[i])
		}
		before, low = upTo, bound
	}
	return low
}
