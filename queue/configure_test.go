package queue

import (
	"slices"
	"testing"
)

// TestNarrowedGroupIsServedInTurn serves a queue that has so many jobs that it is not done with a change of
// group_concurrency yet: of a group that is still to be regrouped no more jobs are given out than may run now.
func TestNarrowedGroupIsServedInTurn(t *testing.T) {
	const n = 2 * orderLimit * regroupLooks
	w := newWorld(t, config(func(c *Config) { c.GroupConcurrency = 3 }))
	w.bulk(n, func(int) Written { return Written{Priority: 1} })
	g := Written{Group: "g", Priority: 2}
	w.write(g, g, g, g)
	w.counts(n+3, 1, 0, 0)
	c := w.q.cfg
	c.GroupConcurrency = 1
	w.q.Configure(w.now, c)
	w.q.Wait(w.now, Request{Node: "w", Max: 3})
	for looks := 0; ; looks++ {
		grants := w.q.Serve(w.now)
		if len(grants) == 0 {
			if looks > n {
				t.Fatal("the claim was not answered")
			}
			continue
		}
		if seqs := grants[0].Claimed.Seqs(); !slices.Equal(seqs, []uint64{n + 1, 1, 2}) || !w.q.changing() {
			t.Fatalf("%v is given after %d looks, behind: %t", seqs, looks, w.q.changing())
		}
		break
	}
	w.catchUp()
	if err := w.q.broken(); err != nil {
		t.Fatal(err)
	}
	w.counts(n-2, 3, 0, 3)
}

// TestJobOfAGroupThatIsToBeWidened writes a job to a group whose older ones may all run now, which the queue has not looked
// at yet.
func TestJobOfAGroupThatIsToBeWidened(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	g := Written{Group: "g"}
	w.write(g, g, g)
	c := w.q.cfg
	c.GroupConcurrency = 4
	w.q.Configure(w.now, c)
	w.write(g, g)
	if err := w.q.broken(); err != nil {
		t.Fatal(err)
	}
	w.claims("w", 9, 1, 2, 3, 4)
	w.counts(0, 1, 0, 4)
}

// TestReviveIsBounded takes the dead-letter topic from a queue of which many jobs wait for their move.
func TestReviveIsBounded(t *testing.T) {
	const n = 1000
	w := newWorld(t, config(func(c *Config) { c.DeadLetter, c.MaxDeliveries = true, 1 }))
	w.bulk(n, func(int) Written { return Written{} })
	claim := w.claim("w", n)
	c, _ := w.nack("w", Return{}, claim.Seqs()...)
	w.commit(c)
	cfg := w.q.cfg
	cfg.DeadLetter = false
	w.q.Configure(w.now, cfg)
	if w.q.Dying() || w.q.Bury(w.now, n) != nil {
		t.Fatal("jobs are to move to a topic that is none")
	}
	w.counts(advanceLimit, 0, 0, n-advanceLimit)
	w.catchUp()
	w.counts(n, 0, 0, 0)
}
