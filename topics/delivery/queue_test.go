package delivery

import (
	"fmt"
	"testing"
	"time"
)

// clock is set by the test.
type clock int64

func (c *clock) now() int64 { return int64(*c) }

func (c *clock) pass(d time.Duration) { *c += clock(d.Milliseconds()) }

func newQueue[T comparable]() (*Queue[T], *clock) {
	c := clock(1_000_000)
	return New[T](c.now), &c
}

// take pops an item, which must exist.
func take[T comparable](t *testing.T, q *Queue[T], pressure float64) T {
	t.Helper()
	item, after, ok := q.Pop(pressure)
	if !ok {
		t.Fatalf("nothing for %v, of %d", after, q.Len())
	}
	return item
}

// idle holds that nothing can be popped, and when to try again.
func idle[T comparable](t *testing.T, q *Queue[T], pressure float64, want time.Duration) {
	t.Helper()
	if item, after, ok := q.Pop(pressure); ok || after != want {
		t.Fatalf("%v, %v after %v; want nothing for %v", item, ok, after, want)
	}
}

// deferred holds that nothing can be popped at this pressure, which must be
// checked again soon.
func deferred[T comparable](t *testing.T, q *Queue[T], pressure float64) {
	t.Helper()
	if item, after, ok := q.Pop(pressure); ok || after <= 0 || after > recheck*time.Millisecond {
		t.Fatalf("%v, %v after %v", item, ok, after)
	}
}

func TestOrderWithinABand(t *testing.T) {
	q, _ := newQueue[int]()
	idle(t, q, 0, 0)
	for i := range 5 {
		q.Push(i, 500)
		q.Push(i, 1000) // a second push changes nothing
	}
	if q.Len() != 5 {
		t.Fatal(q.Len())
	}
	for i := range 5 {
		if got := take(t, q, 0); got != i {
			t.Fatalf("%d, want %d", got, i)
		}
	}
	q.Push(3, 500) // it was delivered, so it can be pushed again
	if take(t, q, 0) != 3 {
		t.Fatal("not again")
	}
	idle(t, q, 0, 0)
}

// TestProportions holds that busy bands are served in the ratio 8:4:2:1:1, and
// that idle ones leave their share to the others.
func TestProportions(t *testing.T) {
	priorities := []int64{1000, 749, 499, 249, -1}
	for _, c := range []struct {
		busy []int
		want []int // items of each band in a number of rounds
	}{
		{[]int{0, 1, 2, 3, 4}, []int{8, 4, 2, 1, 1}},
		{[]int{0, 4}, []int{8, 0, 0, 0, 1}},
		{[]int{1, 2, 3}, []int{0, 4, 2, 1, 0}},
		{[]int{3, 4}, []int{0, 0, 0, 1, 1}},
	} {
		q, _ := newQueue[[2]int]()
		sum := 0
		for _, band := range c.busy {
			sum += c.want[band]
			for i := range 1000 {
				q.Push([2]int{band, i}, priorities[band])
			}
		}
		const rounds = 50
		got := make([]int, bands)
		for range rounds * sum {
			got[take(t, q, 0)[0]]++
		}
		for band := range got {
			if got[band] != rounds*c.want[band] {
				t.Fatalf("bands %v were served %v times", c.busy, got)
			}
		}
	}
}

func TestBandsAndAge(t *testing.T) {
	for _, c := range []struct {
		priority int64
		waited   time.Duration
		band     int
	}{
		{1000, 0, 0}, {750, 0, 0}, {749, 0, 1}, {500, 0, 1}, {499, 0, 2}, {250, 0, 2}, {249, 0, 3}, {0, 0, 3}, {-1, 0, 4}, {-1000, 0, 4},
		{0, 2490 * time.Millisecond, 3}, {0, 2500 * time.Millisecond, 2}, {0, 4999 * time.Millisecond, 2}, {0, 5 * time.Second, 1},
		{0, 7500 * time.Millisecond, 0}, {-1, 10 * time.Millisecond, 3}, {-1000, 8999 * time.Millisecond, 4}, {-1000, 9 * time.Second, overdue},
		{740, 100 * time.Millisecond, 0}, {1000, 9 * time.Second, overdue},
	} {
		q, clock := newQueue[int]()
		q.Push(7, c.priority)
		clock.pass(c.waited / 2)
		q.Push(7, -1000) // changes neither its age nor its priority
		clock.pass(c.waited - c.waited/2)
		q.Push(8, 0)
		n := q.waiting[7]
		take(t, q, 0)
		for band := range q.lists {
			l := &q.lists[band][class(c.priority)]
			if here := n.list == l; here != (band == c.band) && n.list != nil {
				t.Errorf("%d after %v: band %d is %v, want band %d", c.priority, c.waited, band, here, c.band)
			}
		}
	}
}

// TestAgeOvertakes holds that items that have waited go before equally urgent
// ones, and those that have waited for 9 seconds before all others.
func TestAgeOvertakes(t *testing.T) {
	q, clock := newQueue[string]()
	q.Push("patient", -1000)
	q.Push("old", 0)
	clock.pass(7500 * time.Millisecond) // 0 is in the first band now
	q.Push("urgent", 1000)
	if got := take(t, q, 0); got != "old" {
		t.Fatal(got)
	}
	clock.pass(1500 * time.Millisecond)
	for i := range 20 {
		q.Push(fmt.Sprint(i), 1000)
	}
	if got := take(t, q, 0); got != "patient" {
		t.Fatal(got)
	}
}

func TestCoalescing(t *testing.T) {
	q, clock := newQueue[string]()
	q.Push("a", 500)
	take(t, q, CoalesceFrom-0.01) // without pressure, deliveries are not recorded
	q.Push("a", 500)
	take(t, q, CoalesceFrom)
	q.Push("a", 500)
	q.Push("b", 500)
	if got := take(t, q, CoalesceFrom); got != "b" {
		t.Fatal(got)
	}
	idle(t, q, CoalesceFrom, 10*time.Millisecond)
	clock.pass(9 * time.Millisecond)
	idle(t, q, CoalesceFrom, time.Millisecond)
	clock.pass(time.Millisecond)
	idle(t, q, 1, 90*time.Millisecond) // the pressure has risen
	clock.pass(90 * time.Millisecond)
	if got := take(t, q, 1); got != "a" {
		t.Fatal(got)
	}
	q.Push("a", 500)
	idle(t, q, 1, 100*time.Millisecond)
	idle(t, q, 2, 100*time.Millisecond) // pressure is capped at 1
	clock.pass(100 * time.Millisecond)
	if got := take(t, q, 1); got != "a" {
		t.Fatal(got)
	}
	clock.pass(time.Second)
	idle(t, q, 0, 0)
	if q.recent.at != nil || q.recent.queue != nil || len(q.timers) > 0 {
		t.Fatal("an idle queue keeps something")
	}
}

func TestDeferring(t *testing.T) {
	q, clock := newQueue[string]()
	q.Push("low", -1)
	q.Push("normal", 0)
	q.Push("lowest", -1000)
	if got := take(t, q, DeferFrom); got != "normal" {
		t.Fatal(got)
	}
	deferred(t, q, DeferFrom)
	clock.pass(5 * time.Second) // low is in a better band by now, and stays deferred
	deferred(t, q, DeferFrom)
	q.Push("late", -5)
	if got := take(t, q, DeferFrom-0.01); got != "low" { // less pressure
		t.Fatal(got)
	}
	clock.pass(3980 * time.Millisecond)
	idle(t, q, 1, 20*time.Millisecond)
	clock.pass(20 * time.Millisecond)
	if got := take(t, q, 1); got != "lowest" { // 9 seconds
		t.Fatal(got)
	}
	deferred(t, q, 1)
	if got := take(t, q, 0); got != "late" {
		t.Fatal(got)
	}
}

// TestOrderInABand holds that the items of a band are served in the order in
// which they entered it, whether or not they can be deferred.
func TestOrderInABand(t *testing.T) {
	q, clock := newQueue[string]()
	q.Push("soft", -1)
	clock.pass(10 * time.Millisecond) // it is in the band of 0 by now
	q.Push("firm", 0)
	q.Push("firmer", 1)
	for _, want := range []string{"soft", "firm", "firmer"} {
		if got := take(t, q, 0); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestRecentIsForgotten holds that under lasting pressure only recent
// deliveries are remembered.
func TestRecentIsForgotten(t *testing.T) {
	q, clock := newQueue[int]()
	for i := range 1000 {
		q.Push(i, 500)
		take(t, q, 1)
		clock.pass(time.Millisecond)
		if n := len(q.recent.at); n > mostInterval+1 || n != len(q.recent.queue) {
			t.Fatalf("%d are known, %d in line", n, len(q.recent.queue))
		}
	}
}

// TestClockBack holds that setting the clock back delays nothing.
func TestClockBack(t *testing.T) {
	q, clock := newQueue[int]()
	q.Push(1, 500)
	clock.pass(-time.Hour)
	q.Push(2, 500)
	if take(t, q, 0) != 1 || take(t, q, 0) != 2 {
		t.Fatal("out of order")
	}
}
