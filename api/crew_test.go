package api

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
)

// turnFunc is a follower of a test.
type turnFunc func(*worker)

func (f turnFunc) turn(w *worker) { f(w) }

// busy returns how many workers have not stepped aside, and how many followers wait.
func (c *crew) busy() (working, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.working, len(c.waiting) - c.first
}

// wantIdle fails unless there are neither workers nor followers.
func (c *crew) wantIdle(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if working, waiting := c.busy(); working != 0 || waiting != 0 {
		t.Errorf("%d workers, %d wait", working, waiting)
	}
}

// There are no more workers than there may be, they give turns in the order in which
// they were asked for, and end when there is nothing to do. In the bubble a goroutine
// that is left would keep the test from ending.
func TestCrewIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const followers = 100
		var c crew
		began, proceed := make(chan int, followers), make(chan struct{})
		for i := range followers {
			c.add(turnFunc(func(*worker) {
				began <- i
				<-proceed
			}))
		}
		workers := mostWorkers()
		for served := 0; served < followers; {
			synctest.Wait()
			n := len(began)
			if working, waiting := c.busy(); n != min(workers, followers-served) || working != n || waiting != followers-served-n {
				t.Fatalf("%d turns, %d workers, %d wait, of %d", n, working, waiting, followers-served)
			}
			var at []int
			for range n {
				at = append(at, <-began)
			}
			slices.Sort(at)
			if at[0] != served || at[n-1] != served+n-1 {
				t.Fatalf("the turns after %d are those of %v", served, at)
			}
			served += n
			for range n {
				proceed <- struct{}{}
			}
		}
		c.wantIdle(t)
	})
}

// Who waits is replaced first: all that wait do so at the same time, and those that
// have not to wait get their turns meanwhile. Who was replaced gives no other turn, so
// that the workers do not become more.
func TestWorkersAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waits = 50
		var c crew
		proceed := make(chan struct{})
		turns := make(chan *worker, waits)
		for range waits {
			c.add(turnFunc(func(w *worker) {
				turns <- w
				w.stepAside()
				w.stepAside() // the second time it makes no difference
				<-proceed
			}))
		}
		synctest.Wait()
		if working, waiting := c.busy(); working != 0 || waiting != 0 || len(turns) != waits {
			t.Fatalf("%d workers, %d wait for a turn, %d have one", working, waiting, len(turns))
		}
		aside := map[*worker]bool{}
		for range waits {
			aside[<-turns] = true
		}
		if len(aside) != waits {
			t.Errorf("%d workers wait, %d were needed", len(aside), waits)
		}
		quick := 0
		c.add(turnFunc(func(w *worker) { quick++ }))
		synctest.Wait()
		if quick != 1 {
			t.Error("no turn while others wait")
		}
		// All the places are taken when those that waited go on.
		hold := make(chan struct{})
		for range mostWorkers() {
			c.add(turnFunc(func(*worker) { <-hold }))
		}
		c.add(turnFunc(func(w *worker) {
			if aside[w] {
				t.Error("who has stepped aside gives another turn")
			}
		}))
		close(proceed)
		synctest.Wait()
		if working, waiting := c.busy(); working != mostWorkers() || waiting != 1 {
			t.Errorf("%d workers, %d wait", working, waiting)
		}
		close(hold)
		c.wantIdle(t)
	})
}

// A follower that has more to send waits for the others before its next turn.
func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		var c crew
		var got []int
		for i := range 3 {
			left := 3
			var again turnFunc
			again = func(*worker) {
				got = append(got, i)
				left--
				if left > 0 {
					c.add(again)
				}
			}
			c.mu.Lock() // no worker yet
			c.waiting = append(c.waiting, again)
			c.mu.Unlock()
		}
		c.add(turnFunc(func(*worker) {}))
		c.wantIdle(t)
		if want := []int{0, 1, 2, 0, 1, 2, 0, 1, 2}; !slices.Equal(got, want) {
			t.Errorf("turns of %v", got)
		}
	})
}

// A line that was long once, and one that never ends, keep neither memory nor those
// that have had their turns.
func TestCrewForgetsThoseServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crew
		hold := make(chan struct{})
		for range mostWorkers() {
			c.add(turnFunc(func(*worker) { <-hold }))
		}
		synctest.Wait()
		for range 3 * keptTurns {
			c.add(turnFunc(func(*worker) {}))
		}
		for range 2 * keptTurns {
			if c.next() == nil {
				t.Fatal("none is next")
			}
		}
		c.mu.Lock()
		if c.first >= keptTurns {
			t.Errorf("%d of %d have had their turns", c.first, len(c.waiting))
		}
		for i, f := range c.waiting[:cap(c.waiting)] {
			if (i < c.first || i >= len(c.waiting)) && f != nil {
				t.Fatalf("place %d of %d is taken, the first is %d", i, len(c.waiting), c.first)
			}
		}
		c.mu.Unlock()
		close(hold)
		c.wantIdle(t)
		if n := cap(c.waiting); n > keptTurns {
			t.Errorf("an empty line has room for %d", n)
		}
	})
}
