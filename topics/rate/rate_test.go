package rate

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"
)

// TestMeter compares a meter with all that was ever counted. What is in the oldest
// slot counts in part, so the rate is between those of a window that is a slot
// shorter and of one that is a slot longer.
func TestMeter(t *testing.T) {
	type event struct {
		at int64
		n  uint64
	}
	random := rand.New(rand.NewPCG(7, 11))
	var live Live
	var place Place
	var events [3][]event
	now := int64(1_700_000_000_123)
	for range 20_000 {
		switch random.IntN(100) {
		case 0:
			now += random.Int64N(3 * Window)
		default:
			now += random.Int64N(2000)
		}
		s := Series(random.IntN(3))
		if random.IntN(2) == 0 {
			n := random.Uint64N(1000)
			live.Add(&place, now, s, n)
			events[s] = append(events[s], event{now, n})
		}
		if random.IntN(10) == 0 {
			live.Sweep(now)
		}
		within := func(ms int64) (sum float64) {
			for i := len(events[s]) - 1; i >= 0 && events[s][i].at > now-ms; i-- {
				sum += float64(events[s][i].n)
			}
			return sum / (Window / 1000)
		}
		rate := place.Load().PerSecond(now, s)
		if least, most := within(Window-slotTime), within(Window+slotTime); rate < least-1e-9 || rate > most+1e-9 {
			t.Fatalf("at %d series %d: %v a second, not between %v and %v", now, s, rate, least, most)
		}
	}
	if len(live.places) > 1 {
		t.Fatalf("the place is known %d times", len(live.places))
	}
	live.Sweep(now + 2*Window)
	if place.Load() != nil || live.Len() != 0 || place.Load().PerSecond(now, Writes) != 0 {
		t.Fatal("an idle place keeps its meter")
	}
}

// What came evenly has its rate exactly, wherever in a slot the window begins.
func TestEvenRate(t *testing.T) {
	var m Meter
	for now := int64(0); now < 10*Window; now += 100 {
		m.Add(now, Reads, 7)
		if rate := m.PerSecond(now, Reads); now > Window && math.Abs(rate-70) > 0.7 {
			t.Fatalf("%v a second after %d ms", rate, now)
		}
	}
}

// A place that is used while it is swept counts on.
func TestSweepUnderUse(t *testing.T) {
	var live Live
	places := make([]Place, 8)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range int64(2000) {
				live.Add(&places[(i+int64(g))%8], i*slotTime, Writes, 1)
				live.Sweep(i * slotTime)
			}
		})
	}
	wg.Wait()
	live.Add(&places[3], 5000*slotTime, Writes, 600)
	live.Sweep(5000 * slotTime)
	if rate := places[3].Load().PerSecond(5000*slotTime, Writes); rate != 10 || live.Len() != 1 {
		t.Fatalf("%v a second, %d live", rate, live.Len())
	}
}

// What is counted while Sweep looks is not lost, neither by a new meter nor by one that has
// been idle.
func TestNothingIsLostWhileSwept(t *testing.T) {
	const now = 1000 * slotTime
	var live Live
	places := make([]Place, 20_000)
	for i := range places {
		if i%2 == 0 {
			live.Add(&places[i], now-2*Window, Writes, 1)
		}
	}
	stop, swept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swept)
		for {
			select {
			case <-stop:
				return
			default:
				live.Sweep(now)
			}
		}
	}()
	for i := range places {
		live.Add(&places[i], now, Writes, Window/1000)
	}
	close(stop)
	<-swept
	live.Sweep(now)
	for i := range places {
		if rate := places[i].Load().PerSecond(now, Writes); rate != 1 {
			t.Errorf("%v a second at place %d", rate, i)
		}
	}
	if live.Len() != len(places) {
		t.Errorf("%d live", live.Len())
	}
}

// Counts end at four billion in a slot; sums do not.
func TestLargeCounts(t *testing.T) {
	var m Meter
	for range 3 {
		m.Add(0, Writes, math.MaxUint32)
		m.Add(0, Bytes, math.MaxUint32)
	}
	if m.PerSecond(0, Writes) != math.MaxUint32/60.0 || m.PerSecond(0, Bytes) != 3*math.MaxUint32/60.0 {
		t.Fatal(m.PerSecond(0, Writes), m.PerSecond(0, Bytes))
	}
	if size := unsafe.Sizeof(m); size > 128 {
		t.Errorf("a meter takes %d bytes", size)
	}
}
