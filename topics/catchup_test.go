package topics

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/router"
)

// Readers wait for a router until it has looked, also where what it finds is
// not for them, or is not there any more: all of them, and no longer.
func TestReadersWaitForALook(t *testing.T) {
	for what, end := range map[string]func(*world){
		"nothing":      func(w *world) {},
		"its end":      func(w *world) { w.routing.DeleteRouter(context.Background(), "ab") },
		"its source's": func(w *world) { w.delete("a", false) },
	} {
		t.Run(what, func(t *testing.T) { testReaders(t, end) })
	}
}

func testReaders(t *testing.T, end func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.wal.Manual = false })
		w.connect("ab", "a", "b", func(s *router.Spec) { s.Filter = matches(t, "t9") })
		w.RunSweeper()
		for range router.MaxForwarders { // others are at it
			w.forwarders.Slots <- struct{}{}
		}
		w.send("a", "1")
		const held = catchUpWait / 2
		var all sync.WaitGroup
		all.Go(func() {
			time.Sleep(held)
			end(w)
			for range router.MaxForwarders {
				<-w.forwarders.Slots
			}
		})
		began := time.Now()
		for range 3 {
			all.Go(func() {
				if b := w.read("b", 0); len(b.Records) != 0 || time.Since(began) != held {
					t.Errorf("%d records after %v", len(b.Records), time.Since(began))
				}
			})
		}
		all.Wait()
		if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
			t.Fatal(err)
		}
	})
}
