package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule is a row for an exact rule of queues that the states of jobs hold by
// themselves. What else a rule says is up to the topic and the API.
type rule struct {
	name   string
	config func(*Config)
	run    func(*world)
}

func TestRules(t *testing.T) {
	for _, rule := range slices.Concat(leaseRules, orderRules, workerRules) {
		t.Run(strings.ReplaceAll(rule.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t, config(rule.config))
			rule.run(w)
			if err := w.q.broken(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// dead is a queue with a dead-letter topic.
func dead(most, backoff int64) func(*Config) {
	return func(c *Config) {
		c.DeadLetter, c.MaxDeliveries, c.RetryBackoffMS = most > 0 || backoff > 0, most, backoff
	}
}

// judged is does for a call that has not been spread yet.
func (w *world) judged(c *Change, skips []Skip) func(want string) {
	return func(want string) {
		w.t.Helper()
		w.does(c, skips, want)
	}
}

// holdsMoved holds what the dead-letter topic has got, and why.
func (w *world) holdsMoved(want string) {
	w.t.Helper()
	var got []string
	for _, m := range w.moved {
		got = append(got, fmt.Sprintf("%d:%s", m.Seq, m.Reason))
	}
	if s := strings.Join(got, " "); s != want {
		w.t.Fatalf("moved %q, want %q", s, want)
	}
}
