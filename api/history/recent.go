package history

import (
	"math"
	"time"
)

// kept is how many readings Recent keeps: those of a minute, one a second, and
// the one before.
const kept = 61

// Recent keeps the readings of a minute of some counters. The zero value is
// empty. The caller serializes calls of its methods.
type Recent struct {
	readings []Reading // oldest first
}

// Add adds a reading, without buckets. It is meant to be called once a second.
func (r *Recent) Add(now Reading) {
	if n := len(r.readings); n > 0 && !now.At.After(r.readings[n-1].At) {
		r.readings = r.readings[:0] // the clock was put back
	}
	if len(r.readings) == kept {
		r.readings = append(r.readings[:0], r.readings[1:]...)
	}
	r.readings = append(r.readings, now)
}

// PerSecond returns the growth of each counter in a second, in the last d or as
// much of it as is known. A counter that is unknown has NaN.
func (r *Recent) PerSecond(d time.Duration) []float64 {
	if len(r.readings) == 0 {
		return nil
	}
	last := &r.readings[len(r.readings)-1]
	out := make([]float64, len(last.Values))
	for i := range out {
		out[i] = r.perSecond(i, last.At.Add(-d))
	}
	return out
}

// late is how late a reading may come and still stand for its second.
const late = 500 * time.Millisecond

// perSecond adds up how much a counter grew since a time. It begins with the
// last reading that was taken by then, or else with the first that knows the
// counter.
func (r *Recent) perSecond(counter int, since time.Time) float64 {
	sum, seconds := math.NaN(), 0.0
	for n := len(r.readings) - 1; n > 0; n-- {
		before, now := &r.readings[n-1], &r.readings[n]
		g := grown(before.Values[counter], now.Values[counter])
		if math.IsNaN(g) {
			break
		}
		if seconds == 0 {
			sum = 0
		}
		sum, seconds = sum+g, seconds+now.At.Sub(before.At).Seconds()
		if !before.At.After(since.Add(late)) {
			break
		}
	}
	return sum / seconds
}
