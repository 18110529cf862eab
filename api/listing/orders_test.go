package listing

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func sorting(names int, takes time.Duration) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) {
		time.Sleep(takes)
		return make([]string, names), nil
	}
}

// begun returns an order that is kept.
func begun(t *testing.T, o *Orders, listing, owner string, names int, takes time.Duration) *Order {
	t.Helper()
	n, err := o.Begin(t.Context(), listing, owner, sorting(names, takes))
	if err == nil {
		err = o.Keep(n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ledger is memory of which so much is left.
type ledger struct{ left int64 }

var errNone = errors.New("no memory")

func (l *ledger) take(n int64) error {
	if n > l.left {
		return errNone
	}
	l.left -= n
	return nil
}

func (l *ledger) give(n int64) { l.left += n }

func TestOrdersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{1 << 20}
		o := NewOrders(1<<20, l.take, l.give)
		first := begun(t, o, "l", "", 10, 0)
		time.Sleep(TTL - time.Second)
		second := begun(t, o, "l", "", 10, 0)
		if o.Find(first.ID, "l") != first || o.Find(second.ID, "l") != second || o.Find(first.ID, "other") != nil || o.Find("x", "l") != nil {
			t.Fatal("an order is found by its id and its listing")
		}
		time.Sleep(TTL - time.Second)
		if o.Find(second.ID, "l") == nil {
			t.Fatal("given up too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n, _ := o.Len(); n != 1 || o.Find(first.ID, "l") != nil || o.Find(second.ID, "l") == nil {
			t.Fatalf("%d are kept", n)
		}
		time.Sleep(TTL + time.Second)
		synctest.Wait()
		if n, bytes := o.Len(); n != 0 || bytes != 0 || l.left != 1<<20 {
			t.Fatalf("%d orders of %d bytes are kept, %d bytes are left", n, bytes, l.left)
		}
	})
}

func TestOrdersAreBounded(t *testing.T) {
	l := &ledger{1 << 30}
	const names = 1000
	size := (&Order{Names: make([]string, names)}).size()
	o := NewOrders(8*size, l.take, l.give)
	defer o.Clear()
	var quiet []*Order
	for i := range 3 {
		quiet = append(quiet, begun(t, o, fmt.Sprint("q", i), "quiet", names, 0))
	}
	// One who begins without end loses only what is its own.
	for i := range 100 {
		begun(t, o, fmt.Sprint("n", i), "noisy", names, 0)
		if n, bytes := o.Len(); bytes > 8*size || n > 8 {
			t.Fatalf("%d orders of %d bytes", n, bytes)
		}
	}
	for _, q := range quiet {
		if o.Find(q.ID, q.listing) == nil {
			t.Fatalf("%s was given up for those of another", q.listing)
		}
	}
	// One that is larger than all that there may be is kept alone.
	large := begun(t, o, "large", "", 20*names, 0)
	if n, _ := o.Len(); n != 1 || o.Find(large.ID, "large") == nil {
		t.Fatalf("%d are kept", n)
	}
	// While memory is short, others make room, and if that is not enough the page is refused.
	l.left = 0
	begun(t, o, "small", "", names, 0)
	if n, _ := o.Len(); n != 1 || o.Find(large.ID, "large") != nil {
		t.Fatalf("%d are kept", n)
	}
	l.left = -1 << 40
	n, err := o.Begin(t.Context(), "none", "", sorting(1, 0))
	if err != nil || !errors.Is(o.Keep(n), errNone) {
		t.Fatal("kept without memory", err)
	}
}

// One sort serves all who ask soon after it, if it was costly; a cheap one none.
func TestCostlyOrdersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{1 << 20}
		o := NewOrders(1<<20, l.take, l.give)
		defer o.Clear()
		cheap := begun(t, o, "cheap", "", 1, time.Millisecond)
		if begun(t, o, "cheap", "", 1, time.Millisecond) == cheap {
			t.Fatal("a cheap order was shared")
		}
		costly := begun(t, o, "costly", "", 1, 20*time.Millisecond)
		time.Sleep(399 * time.Millisecond)
		if begun(t, o, "costly", "other", 1, 0) != costly || begun(t, o, "else", "", 1, 0) == costly {
			t.Fatal("not shared")
		}
		time.Sleep(2 * time.Millisecond)
		if begun(t, o, "costly", "", 1, 0) == costly {
			t.Fatal("shared for too long")
		}
		// Who waits for another's sort, and goes, gets no order.
		release := make(chan struct{})
		go o.Begin(t.Context(), "held", "", func(context.Context) ([]string, error) {
			<-release
			return nil, nil
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := o.Begin(ctx, "x", "", sorting(1, 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		close(release)
		synctest.Wait()
	})
}
