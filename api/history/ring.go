package history

import (
	"math"
	"time"
)

// A Ring keeps Steps values of each series. A reading belongs to it every Step.
const (
	Steps = 720
	Step  = 5 * time.Second
	Span  = Steps * Step
)

// Kind determines what a series keeps of its readings, and how the values of
// several steps become one.
type Kind uint8

const (
	// Rate is a counter: the series has its growth in a second, and the mean of
	// several steps.
	Rate Kind = iota + 1
	// Gauge is a value of now, and the last one of several steps.
	Gauge
	// Peak is a value of now, and the largest one of several steps.
	Peak
	// Median and Slowest are the quantiles 0.5 and 0.99 of the histogram. They
	// have no readings.
	Median
	Slowest
)

// Series is a row of a Ring.
type Series struct {
	Name string
	Kind Kind
}

// Reading is what the counters and gauges are at a moment. Values has one of
// each series, NaN if it is unknown. Buckets has the cumulative count of each
// bucket of the histogram, the last one of what is above all bounds.
type Reading struct {
	At      time.Time
	Values  []float64
	Buckets []uint64
}

// Ring is the history of some series and a histogram. Its memory is allocated by
// New. The caller serializes calls of its methods.
type Ring struct {
	series []Series
	bounds []float64
	before Reading // the last one; At is zero before the first

	added   int              // number of steps so far
	ended   [Steps]int64     // Unix ms
	lasted  [Steps]float64   // seconds
	values  [][Steps]float64 // by series; NaN: unknown
	buckets [Steps][]uint32  // of what was observed in the step
}

// New returns an empty ring of series and of a histogram with these upper
// bounds, in ascending order.
func New(series []Series, bounds []float64) *Ring {
	r := &Ring{series: series, bounds: bounds, values: make([][Steps]float64, len(series))}
	all := make([]uint32, Steps*(len(bounds)+1))
	for i := range r.buckets {
		r.buckets[i], all = all[:len(bounds)+1], all[len(bounds)+1:]
	}
	return r
}

// Add adds a step, which ends with a reading and began with the one before. The
// first reading only begins one. r keeps the reading's slices.
func (r *Ring) Add(now Reading) {
	before := r.before
	r.before = now
	seconds := now.At.Sub(before.At).Seconds()
	if before.At.IsZero() || seconds <= 0 {
		return
	}
	i := r.added % Steps
	r.added++
	r.ended[i], r.lasted[i] = now.At.UnixMilli(), seconds
	for s := range r.series {
		v := now.Values[s]
		if r.series[s].Kind == Rate {
			v = grown(before.Values[s], v) / seconds
		}
		r.values[s][i] = v
	}
	for b := range r.buckets[i] {
		n := now.Buckets[b]
		if was := before.Buckets[b]; n >= was {
			n -= was
		}
		r.buckets[i][b] = uint32(min(n, math.MaxUint32))
	}
}

// grown returns how much a counter grew. One that is lower than before began
// again at 0.
func grown(before, now float64) float64 {
	if now < before {
		return now
	}
	return now - before
}
