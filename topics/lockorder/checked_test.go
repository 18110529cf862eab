//go:build lockorder

package lockorder

import (
	"fmt"
	"testing"
)

// panicOf returns what f panics with; "" if it does not.
func panicOf(f func()) (message string) {
	defer func() {
		if p := recover(); p != nil {
			message = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

func TestOrder(t *testing.T) {
	var topic, other RWMutex[Topic]
	var registry Mutex[Registry]
	for _, test := range []struct {
		name, want string
		steps      []func()
	}{
		{"in order", "", []func(){topic.Lock, registry.Lock, topic.Unlock, registry.Unlock}},
		{"one after the other", "", []func(){registry.Lock, registry.Unlock, topic.RLock, topic.RUnlock}},
		{"out of order", "lockorder: lockorder.Topic is locked with lockorder.Registry held",
			[]func(){registry.Lock, topic.Lock}},
		{"out of order, for reading", "lockorder: lockorder.Topic is locked with lockorder.Registry held",
			[]func(){registry.Lock, topic.RLock}},
		{"two of a rank", "lockorder: lockorder.Topic is locked with lockorder.Topic held", []func(){topic.Lock, other.Lock}},
		{"reading twice", "lockorder: lockorder.Topic is locked with lockorder.Topic held", []func(){topic.RLock, topic.RLock}},
		{"without waiting", "", []func(){registry.Lock, func() { topic.TryLock() }, topic.Unlock, registry.Unlock}},
		{"tried, then out of order", "lockorder: lockorder.Topic is locked with lockorder.Registry held",
			[]func(){func() { registry.TryLock() }, topic.Lock}},
	} {
		topic, other, registry = RWMutex[Topic]{}, RWMutex[Topic]{}, Mutex[Registry]{}
		got := panicOf(func() {
			for _, step := range test.steps {
				step()
			}
		})
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if left := ranks(goroutine()); test.want == "" && left != nil {
			t.Errorf("%s: still held: %v", test.name, left)
		}
		held.Clear()
	}
}

// TestOwner checks that a goroutine cannot unlock what another one has locked.
func TestOwner(t *testing.T) {
	var mu Mutex[Topic]
	mu.Lock()
	message := make(chan string)
	go func() { message <- panicOf(mu.Unlock) }()
	if got, want := <-message, "lockorder: lockorder.Topic is unlocked by a goroutine that does not hold it"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	held.Clear()
}
