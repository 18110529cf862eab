package topics

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// method matches what is called of a registry, or of its forwarders, in a stack.
var method = regexp.MustCompile(`topics/topics(/\w+)?\.\(\*(Registry|[fF]orwarders|Catalog|Changes|Queues|Routing)\)\.`)

// parked waits until a goroutine that runs a method of the registry waits for a
// lock, for each of n. It watches the goroutines, and not the time.
func parked(t *testing.T, n int) {
	t.Helper()
	buf := make([]byte, 4<<20)
	for range 100_000 {
		found := 0
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			head, _, _ := strings.Cut(g, "\n")
			waits := strings.Contains(head, "sync.Mutex") || strings.Contains(head, "sync.RWMutex")
			if waits && method.MatchString(g) && strings.Contains(g, "stall_test.go") {
				found++
			}
		}
		if found >= n {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("%d goroutines never came to wait:\n%s", n, buf[:runtime.Stack(buf, true)])
}

// TestOneTopicStallsNoOther holds one topic's lock, has each operation of the
// registry come to wait for it, and then runs all of them on other topics: none
// of those waits.
func TestOneTopicStallsNoOther(t *testing.T) {
	ctx := context.Background()
	type operation struct {
		name string
		run  func(w *world, x string) error
		free bool // it does not wait for the topic at all
	}
	operations := []operation{
		{name: "append", run: func(w *world, x string) error {
			_, err := w.Append(ctx, x, keyedWrite("k", 1))
			return err
		}},
		{name: "put", run: func(w *world, x string) error {
			_, err := w.Put(ctx, x, &record.ConfigPatch{CapRecords: ptr(int64(9))})
			return err
		}},
		{name: "patch", run: func(w *world, x string) error {
			_, err := w.Patch(ctx, x, &record.ConfigPatch{CapRecords: ptr(int64(10))})
			return err
		}},
		{name: "state", run: func(w *world, x string) error {
			_, err := w.State(x, true)
			return err
		}},
		{name: "list", run: func(w *world, x string) error {
			if page, _ := w.List(x, "", 10); len(page) != 1 {
				return fmt.Errorf("listed %+v", page)
			}
			return nil
		}},
		{name: "read", run: func(w *world, x string) error {
			_, err := w.Read(ctx, x, &topic.Query{Limit: 10, MaxBytes: 100})
			return err
		}},
		{name: "delete records", run: func(w *world, x string) error {
			_, err := w.DeleteRecords(ctx, x, &Deletion{Before: ptr(uint64(2))})
			return err
		}},
		{name: "follow", run: func(w *world, x string) error {
			f := w.NewSubscriber()
			defer f.Close()
			_, err := w.Subscribe(f, x)
			return err
		}},
		{name: "follow prefix", run: func(w *world, x string) error {
			f := w.NewSubscriber()
			defer f.Close()
			if page, _ := w.SubscribePrefix(f, x, 10); len(page) != 1 {
				return fmt.Errorf("follows %+v", page)
			}
			return nil
		}},
		{name: "router from it", run: func(w *world, x string) error {
			_, err := w.routing.PutRouter(ctx, x+">", router.Spec{Source: x, Dest: x + "-dest", CreateDest: true})
			return err
		}},
		{name: "router to it", free: true, run: func(w *world, x string) error {
			_, err := w.routing.PutRouter(ctx, x+">>", router.Spec{Source: "source-of-" + x, Dest: x, CreateDest: true})
			return err
		}},
		{name: "end of a router", free: true, run: func(w *world, x string) error {
			_, _, err := w.routing.DeleteRouter(ctx, x+"-router")
			return err
		}},
		{name: "routers", run: func(w *world, x string) error {
			w.routing.Routers("", x, "", "", 10)
			return nil
		}},
		{name: "deliver", free: true, run: func(w *world, x string) error {
			w.deliveries.push(w.catalog.Lookup(x))
			w.Deliver()
			return nil
		}},
		{name: "delete", run: func(w *world, x string) error {
			out, err := w.Delete(ctx, x, false)
			if err == nil && !out.Deleted {
				return fmt.Errorf("was not there")
			}
			return err
		}},
	}
	for _, waiting := range operations {
		t.Run(waiting.name, func(t *testing.T) {
			w := newWorld(t, limitWays(100))
			f := w.NewSubscriber() // so that deliveries have a subscriber
			w.SubscribePrefix(f, "", 100)
			defer f.Close()
			for _, name := range []string{"held", "other"} {
				w.write(name, 3)
				w.write("end-of-"+name, 1)
				w.connect(name+"-router", name, "end-of-"+name)
			}
			held := w.catalog.Lookup("held")
			held.Mu.Lock()
			stuck := make(chan error, 1)
			go func() { stuck <- waiting.run(w, "held") }()
			if waiting.free {
				if err := <-stuck; err != nil {
					t.Error(err)
				}
			} else {
				parked(t, 1)
			}
			all := make(chan error)
			go func() {
				defer close(all)
				for _, op := range operations {
					all <- op.run(w, "other")
				}
				_, err := w.Append(ctx, "another", keyedWrite("k", 1))
				all <- err
			}()
			for i := 0; ; i++ {
				name := "the last"
				if i < len(operations) {
					name = operations[i].name
				}
				select {
				case err, more := <-all:
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					if !more {
						held.Mu.Unlock()
						if !waiting.free {
							if err := <-stuck; err != nil {
								t.Error(err)
							}
						}
						return
					}
				case <-time.After(time.Minute):
					held.Mu.Unlock()
					t.Fatalf("%s waits for a topic that it is not about", name)
				}
			}
		})
	}
}

// TestEndOfATopicStallsNoOther holds the lock of a topic whose end is durable
// and has come to wait for it: changes that have their place after it, of other
// topics and routers, do not wait for it, and what is about the topic does.
func TestEndOfATopicStallsNoOther(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, limitWays(100))
	w.write("held", 3)
	w.write("other", 1)
	w.connect("r", "held", "end")
	w.connect("s", "from", "to")
	w.connect("t", "from", "next")
	_, at, err := w.assignDrop(w.slot(), "held", false)
	if err != nil {
		t.Fatal(err)
	}
	held := w.catalog.Lookup("held")
	held.Mu.Lock()
	done := make(chan error)
	go func() { done <- w.changes.Await(at) }()
	go func() {
		deleted, _, err := w.routing.DeleteRouter(ctx, "r") // which ends with the topic
		if deleted {
			err = fmt.Errorf("a router was deleted twice")
		}
		done <- err
	}()
	parked(t, 2)
	free := make(chan struct{})
	go func() {
		defer close(free)
		if !w.delete("other", false) {
			t.Error("was not there")
		}
		w.connect("new", "to", "end")
		w.connect("s", "from", "end")
		if deleted, _, err := w.routing.DeleteRouter(ctx, "t"); err != nil || !deleted {
			t.Error(deleted, err)
		}
		w.Checkpoint()
	}()
	select {
	case <-free:
	case <-time.After(time.Minute):
		held.Mu.Unlock()
		t.Fatal("others wait for a topic that they are not about")
	}
	if w.catalog.Lookup("held") != held || len(router.Outgoing(held)) != 1 {
		t.Error("the router went before its topic")
	}
	held.Mu.Unlock()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if !w.changes.TryShownBefore(w.shared.Log.Tail()) {
		t.Error("not every change was shown")
	}
	before := w.picture()
	w.power(1)
	if got := w.picture(); got != before {
		t.Errorf("a power cut changed\n%sto\n%s", before, got)
	}
}

// TestBackgroundStallsNoOther is the same for what runs in the background: a
// checkpoint, a sweep, a forwarder and an orderly end that wait for a topic.
func TestBackgroundStallsNoOther(t *testing.T) {
	ctx := context.Background()
	for name, background := range map[string]func(w *world){
		"checkpoint": func(w *world) { w.settleBefore(w.catalog.Lookup("held"), w.Checkpoint().Start()) },
		"sweep":      func(w *world) { w.Sweep(ctx) },
		"forward":    func(w *world) { w.forwarders.ForwardFrom(ctx, w.catalog.Lookup("source")) },
		"end":        func(w *world) { _ = w.Close(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put("held", &record.ConfigPatch{TTLMS: ptr(int64(100)), Durability: ptr("ephemeral")})
			w.append("held", keyedWrite("k", 1))
			w.connect("r", "source", "held")
			w.write("source", 1)
			w.connect("s", "from", "to")
			w.write("from", 1)
			w.now += 500
			held := w.catalog.Lookup("held")
			held.Mu.Lock()
			done := make(chan struct{})
			go func() { background(w); close(done) }()
			parked(t, 1)
			free := make(chan struct{})
			go func() {
				defer close(free)
				w.put("other", &record.ConfigPatch{CapRecords: ptr(int64(5))})
				w.append("another", keyedWrite("k", 1))
				w.forwarders.ForwardFrom(ctx, w.catalog.Lookup("from"))
				w.Checkpoint()
				w.delete("other", false)
			}()
			select {
			case <-free:
			case <-time.After(time.Minute):
				held.Mu.Unlock()
				t.Fatal("others wait for a topic that they are not about")
			}
			held.Mu.Unlock()
			<-done
		})
	}
}
