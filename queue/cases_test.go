package queue

import (
	"slices"
	"testing"
)

// queueCase is what broke in other queues, by the number of the case.
type queueCase struct {
	name   string
	config func(*Config)
	run    func(*world)
}

// TestCases has the cases, as far as they are about the states of jobs.
func TestCases(t *testing.T) {
	for _, c := range slices.Concat(leaseCases, orderCases, workerCases) {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, config(c.config))
			c.run(w)
			if err := w.q.broken(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
