package delivery

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEverythingIsDelivered serves one item per millisecond under varying
// pressure: each push is followed by a delivery, nothing is delivered without a
// push, and nothing waits for more than 10 seconds.
func TestEverythingIsDelivered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, clock := newQueue[int]()
		since := map[int]int64{}
		pop := func(pressure float64) (time.Duration, bool) {
			item, after, ok := q.Pop(pressure)
			if !ok {
				if (after == 0) != (len(since) == 0) {
					t.Fatalf("%d wait, and the next look is after %v", len(since), after)
				}
				return after, false
			}
			pushed, waits := since[item]
			if !waits {
				t.Fatalf("%d was not pushed", item)
			}
			if waited := clock.now() - pushed; waited > 10_000 {
				t.Fatalf("%d waited for %d ms", item, waited)
			}
			delete(since, item)
			return 0, true
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			pressure := rapid.SampledFrom([]float64{0, 0.4, 0.5, 0.6, 0.75, 0.9, 1}).Draw(t, "pressure")
			priority := rapid.Int64Range(-1000, 1000)
			for range rapid.IntRange(0, 60).Draw(t, "pushes") {
				item := rapid.IntRange(0, 100).Draw(t, "item")
				q.Push(item, priority.Draw(t, "priority"))
				if _, waits := since[item]; !waits {
					since[item] = clock.now()
				}
			}
			for left := rapid.IntRange(0, 3000).Draw(t, "ms"); left > 0; left-- {
				after, ok := pop(pressure)
				if !ok && after == 0 {
					break
				}
				clock.pass(time.Millisecond)
			}
			if q.Len() != len(since) {
				t.Fatalf("%d wait, want %d", q.Len(), len(since))
			}
		}
		for len(since) > 0 {
			after, ok := pop(1)
			if !ok {
				clock.pass(max(after, time.Millisecond))
			}
		}
		idleAfter := q.Len() + len(q.timers) + len(q.waiting)
		for i := range q.lists {
			if q.lists[i][0].head != nil || q.lists[i][1].tail != nil {
				t.Fatal("an empty queue has a list")
			}
		}
		if idleAfter != 0 {
			t.Fatal("an empty queue keeps something")
		}
	})
}

// TestNoStarvation holds that the lowest band is served while more urgent items
// are always waiting, and long before it is overdue.
func TestNoStarvation(t *testing.T) {
	q, clock := newQueue[int]()
	for i := range 100 {
		q.Push(i, 1000)
	}
	q.Push(-1, -1000)
	for n := range 1000 {
		got := take(t, q, 0)
		if got == -1 {
			if n > 16 {
				t.Fatalf("served as number %d", n)
			}
			return
		}
		q.Push(got, 1000)
		clock.pass(time.Millisecond)
	}
	t.Fatal("not served")
}

// TestManyWaiting holds that a queue of 100,000 items is still served in the
// order of its bands.
func TestManyWaiting(t *testing.T) {
	q, clock := newQueue[int]()
	const n = 100_000
	for i := range n {
		q.Push(i, int64(i%2001)-1000)
	}
	clock.pass(3 * time.Second) // all of them have moved up
	seen := make([]bool, n)
	for range n {
		item := take(t, q, 0)
		if seen[item] {
			t.Fatalf("%d twice", item)
		}
		seen[item] = true
	}
	idle(t, q, 0, 0)
}

func BenchmarkQueue(b *testing.B) {
	for _, waiting := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			q, clock := newQueue[int]()
			for i := range waiting {
				q.Push(i, int64(i%2001)-1000)
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				item, _, _ := q.Pop(0)
				q.Push(item, int64(n%2001)-1000)
				if n%1000 == 0 {
					*clock++
				}
			}
		})
	}
}
