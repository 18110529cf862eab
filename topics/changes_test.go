package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// changesOfState are all the requests whose effect is durable whatever the class
// of their topic, and a delete of records of a topic of class fsync. Each changes
// something of what furnish makes.
var changesOfState = []struct {
	name string
	make func(*world) error
}{
	{"delete a topic", func(w *world) error {
		out, err := w.Delete(context.Background(), "a", false)
		if err == nil && (!out.Deleted || !slices.Equal(out.Routers, []string{"ab", "za"})) {
			err = fmt.Errorf("%+v", out)
		}
		return err
	}},
	{"make a topic", func(w *world) error {
		_, err := w.Put(context.Background(), "made", &record.ConfigPatch{})
		return err
	}},
	{"replace a config", func(w *world) error {
		_, err := w.Put(context.Background(), "a", &record.ConfigPatch{CapRecords: ptr(int64(2))})
		return err
	}},
	{"patch a config", func(w *world) error {
		_, err := w.Patch(context.Background(), "a", class(record.Fsync))
		return err
	}},
	{"make a router", func(w *world) error {
		_, err := w.routing.PutRouter(context.Background(), "made", specOf("a", "made"))
		return err
	}},
	{"change a router", func(w *world) error {
		out, err := w.routing.PutRouter(context.Background(), "ab", specOf("a", "b", func(s *router.Spec) { s.PreserveTag = false }))
		if err == nil && out.Created {
			err = fmt.Errorf("%+v", out)
		}
		return err
	}},
	{"replace a router", func(w *world) error {
		_, err := w.routing.PutRouter(context.Background(), "ab", specOf("a", "c"))
		return err
	}},
	{"delete a router", func(w *world) error {
		deleted, _, err := w.routing.DeleteRouter(context.Background(), "ab")
		if err == nil && !deleted {
			err = errors.New("it was not there")
		}
		return err
	}},
	{"delete records", func(w *world) error {
		_, err := w.DeleteRecords(context.Background(), "f", &Deletion{Before: ptr(uint64(3))})
		return err
	}},
}

func (w *world) furnish() {
	w.write("a", 5)
	w.append("f", &topic.Write{Records: records(5), Config: class(record.Fsync)})
	w.connect("ab", "a", "b")
	w.connect("za", "z", "a")
	w.connect("cd", "c", "d")
	w.Forward(context.Background())
}

// picture is everything that readers see but heads, which a crash may move.
func (w *world) picture() string {
	w.t.Helper()
	var all strings.Builder
	page, _ := w.List("", "", 1000)
	for _, s := range page {
		state := w.state(s.Name)
		fmt.Fprintln(&all, s.Name, state.Config, state.Count, seqs(w.read(s.Name, 0)))
	}
	routers, _ := w.routing.Routers("", "", "", "", 1000)
	for _, s := range routers {
		one, err := w.routing.Router(s.Name)
		fmt.Fprintln(&all, one.Name, one.Spec, err)
	}
	n := w.Totals()
	fmt.Fprintln(&all, n.Topics, n.Records, n.ByClass)
	return all.String()
}

// deleted reports whether the subscriber got the deletion of the topic.
func (w *world) deleted(f *follow.Subscriber) bool {
	w.Deliver()
	return slices.ContainsFunc(f.Take(nil), func(m follow.Event) bool { return m.Topic == "a" && m.Deleted })
}

// holdChange begins a change and returns when its sync is under way, and held.
// release lets the sync end with that error, and returns what became of it.
func (w *world) holdChange(gate *syncGate, begin func(*world) error) (release func(error) error) {
	came := make(chan struct{}, 1)
	gate.came = came
	gate.held.Lock()
	done := make(chan error)
	go func() { done <- begin(w) }()
	<-came
	return func(err error) error {
		gate.err = err
		gate.held.Unlock()
		return <-done
	}
}

// TestChangesAreSeenWhenDurable holds that readers see what was before until a
// change is durable, then what the change makes of it, and that a restart finds
// that.
func TestChangesAreSeenWhenDurable(t *testing.T) {
	for _, c := range changesOfState {
		t.Run(c.name, func(t *testing.T) {
			w, gate := newSyncWorld(t)
			w.furnish()
			f := w.NewSubscriber()
			defer f.Close()
			if _, err := w.Subscribe(f, "a"); err != nil {
				t.Fatal(err)
			}
			before := w.picture()
			release := w.holdChange(gate, c.make)
			if got := w.picture(); got != before {
				t.Errorf("seen before it is durable:\n%sthen\n%s", before, got)
			}
			if w.deleted(f) {
				t.Error("followers were told of a delete that is not durable")
			}
			if err := release(nil); err != nil {
				t.Fatal(err)
			}
			after := w.picture()
			if after == before {
				t.Errorf("not seen:\n%s", after)
			}
			if got, want := w.deleted(f), c.name == "delete a topic"; got != want {
				t.Errorf("followers were told of a delete: %v", got)
			}
			w.power(1)
			if got := w.picture(); got != after {
				t.Errorf("a power cut changed\n%sto\n%s", after, got)
			}
		})
	}
}

// TestFailedChangesAreNotSeen holds that a change whose sync fails leaves
// everything as it was for the rest of this life, and is there after the next
// start, or is not.
func TestFailedChangesAreNotSeen(t *testing.T) {
	for _, c := range changesOfState {
		for _, end := range []string{"kill", "power"} {
			t.Run(c.name+", "+end, func(t *testing.T) {
				w, gate := newSyncWorld(t)
				w.furnish()
				f := w.NewSubscriber()
				defer f.Close()
				if _, err := w.Subscribe(f, "a"); err != nil {
					t.Fatal(err)
				}
				before := w.picture()
				release := w.holdChange(gate, c.make)
				if err := release(errors.New("the disk is gone")); kindOf(err) != record.KindReadOnly {
					t.Fatal(err)
				}
				for range 2 { // a change that is tried again is refused
					if got := w.picture(); got != before {
						t.Fatalf("a failed change made of\n%sthis:\n%s", before, got)
					}
					if w.deleted(f) {
						t.Fatal("followers were told of a delete that failed")
					}
					if err := c.make(w); kindOf(err) != record.KindReadOnly {
						t.Fatal(err)
					}
				}
				if _, err := w.Append(context.Background(), "a", &topic.Write{Records: records(1)}); kindOf(err) != record.KindReadOnly {
					t.Fatal(err)
				}

				other, _ := newSyncWorld(t)
				other.furnish()
				if err := c.make(other); err != nil {
					t.Fatal(err)
				}
				after := other.picture()
				gate.err = nil
				if end == "kill" {
					w.kill()
				} else {
					w.power(1)
				}
				if got := w.picture(); got != before && got != after {
					t.Fatalf("a restart found\n%sneither\n%snor\n%s", got, before, after)
				}
			})
		}
	}
}

// TestNothingComesBetween holds what happens to requests for a topic that is
// being deleted: they come after it.
func TestNothingComesBetween(t *testing.T) {
	ctx := context.Background()
	for _, next := range []struct {
		name    string
		request func(*world) error
		head    uint64 // of the topic afterwards, 0 if there is none
	}{
		{"write", func(w *world) error {
			out, err := w.Append(ctx, "a", &topic.Write{Records: records(3)})
			if err == nil && (!out.Created || out.First != 1) {
				err = fmt.Errorf("%+v", out)
			}
			return err
		}, 3},
		{"put", func(w *world) error {
			out, err := w.Put(ctx, "a", &record.ConfigPatch{})
			if err == nil && !out.Created {
				err = fmt.Errorf("%+v", out)
			}
			return err
		}, 0},
		{"patch", func(w *world) error {
			if _, err := w.Patch(ctx, "a", class(record.Memory)); kindOf(err) != record.KindNotFound {
				return fmt.Errorf("patched: %w", err)
			}
			return nil
		}, 0},
		{"delete", func(w *world) error {
			if out, err := w.Delete(ctx, "a", false); err != nil || out.Deleted {
				return fmt.Errorf("%+v, %w", out, err)
			}
			return nil
		}, 0},
		{"delete records", func(w *world) error {
			if _, err := w.DeleteRecords(ctx, "a", &Deletion{Before: ptr(uint64(9))}); kindOf(err) != record.KindNotFound {
				return fmt.Errorf("deleted: %w", err)
			}
			return nil
		}, 0},
		{"router", func(w *world) error {
			out, err := w.routing.PutRouter(ctx, "ab", specOf("a", "b"))
			if err == nil && !out.Created {
				err = fmt.Errorf("%+v", out)
			}
			return err
		}, 0},
		{"delete a router", func(w *world) error {
			if deleted, _, err := w.routing.DeleteRouter(ctx, "ab"); err != nil || deleted {
				return fmt.Errorf("%v, %w", deleted, err)
			}
			return nil
		}, 0},
	} {
		t.Run(next.name, func(t *testing.T) {
			w, gate := newSyncWorld(t)
			w.furnish()
			release := w.holdChange(gate, changesOfState[0].make)
			done := make(chan error)
			go func() { done <- next.request(w) }()
			if err := release(nil); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			after := w.picture()
			if s, err := w.State("a", false); err == nil && s.Head != next.head || err != nil && next.head > 0 {
				t.Errorf("%+v, %v", s, err)
			}
			w.power(1)
			if got := w.picture(); got != after {
				t.Errorf("a power cut changed\n%sto\n%s", after, got)
			}
		})
	}
}

// TestCheckpointsOfChanges holds that a checkpoint has the changes of topics
// and routers that have their place before it, and that those after it come
// with the log, wherever in the checkpoint they are made.
func TestCheckpointsOfChanges(t *testing.T) {
	begin := map[string]func(*world) error{
		"respec": func(w *world) error {
			_, err := w.startRouter("ab", ptr(specOf("a", "b", func(s *router.Spec) { s.PreserveTag = false })))
			return err
		},
		"replace": func(w *world) error {
			_, err := w.startRouter("ab", ptr(specOf("a", "c")))
			return err
		},
		"unroute": func(w *world) error {
			_, err := w.routing.assignUnroute(w.slot(), "ab")
			return err
		},
		"drop": func(w *world) error {
			_, _, err := w.assignDrop(w.slot(), "a", false)
			return err
		},
	}
	for name, begin := range begin {
		for _, during := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " during ", during), func(t *testing.T) {
				w := newWorld(t)
				w.furnish()
				before := w.picture()
				var once sync.Once
				start := func() {
					once.Do(func() {
						if err := begin(w); err != nil {
							t.Fatal(err)
						}
					})
				}
				if during {
					w.checkpoint(start)
				} else {
					start()
					w.checkpoint(nil)
				}
				if err := w.changes.AwaitBefore(w.shared.Log.Tail()); err != nil {
					t.Fatal(err)
				}
				after := w.picture()
				if after == before {
					t.Fatal("nothing changed")
				}
				w.power(1)
				if got := w.picture(); got != after {
					t.Errorf("a power cut changed\n%sto\n%s", after, got)
				}
			})
		}
	}
}
