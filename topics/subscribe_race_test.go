package topics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
	"go.uber.org/goleak"
)

// TestNoWakeupIsLost holds, with everything going on at once, that a consumer that
// sleeps until it is notified has read everything in the end, in order and once: records
// of topics that are there, that come with a prefix, and that are made again.
func TestNoWakeupIsLost(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t, func(w *world) { w.wal.Manual, w.wal.DiskSync = false, 1e6 })
	w.RunSweeper()
	const topics, writes, consumers, lives = 5, 150, 20, 30
	name := func(i int) string { return fmt.Sprint("t", i) }
	for i := range topics {
		w.write(name(i), 1)
	}
	ctx, end := context.WithTimeout(context.Background(), 5*time.Minute) // for all of it
	defer end()
	var writing, consuming sync.WaitGroup
	var through atomic.Int64
	for i := range consumers {
		last := map[string]uint64{}
		done := false
		c := newConsumer(w.Registry, func(name string, seq uint64) {
			if strings.HasPrefix(name, "t") {
				if last[name]++; seq != last[name]+1 {
					t.Errorf("consumer %d of %s got %d behind %d", i, name, seq, last[name])
				}
			}
		})
		if i%2 == 0 {
			page, _ := w.SubscribePrefix(c.Subscriber, "", 100)
			c.began(page...)
		} else {
			for n := range topics {
				c.began(w.follow(c.Subscriber, name(n)))
			}
		}
		for n := range topics { // what was written before it began
			c.cursors[name(n)] = 1
		}
		consuming.Go(func() {
			defer c.Subscriber.Close()
			for !done {
				select {
				case <-c.Ready():
				case <-ctx.Done():
					t.Errorf("consumer %d is at %v, and knows %v", i, last, c.cursors)
					return
				}
				if err := c.consume(); err != nil {
					t.Error(err)
					return
				}
				done = len(last) == topics && !slices.ContainsFunc(slices.Collect(maps.Values(last)), func(n uint64) bool { return n < writes })
				if i%2 == 0 { // and the last of the topics that came and went
					done = done && c.cursors["x-last"] == 1
				}
			}
			through.Add(1)
		})
	}
	for i := range topics {
		writing.Go(func() {
			for range writes {
				if _, err := w.Append(ctx, name(i), &topic.Write{Records: records(1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Go(func() {
		for n := range lives {
			if _, err := w.Append(ctx, "x", &topic.Write{Records: records(1 + n%3)}); err != nil {
				t.Error(err)
			}
			if _, err := w.Delete(ctx, "x", false); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.Append(ctx, "x-last", &topic.Write{Records: records(1)}); err != nil {
			t.Error(err)
		}
	})
	writing.Go(func() { // others come and go
		for range lives {
			f := w.NewSubscriber()
			w.SubscribePrefix(f, "t", 1)
			_, _ = w.Registry.Subscribe(f, name(0))
			_, _ = w.Registry.Subscribe(f, "x")
			f.UnsubscribePrefix("t")
			f.Close()
		}
	})
	writing.Wait()
	consuming.Wait()
	w.followsNothing()
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.shared.Log.Close(); err != nil {
		t.Fatal(err)
	}
}
