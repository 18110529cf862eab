package remote

import (
	"fmt"
	"io"
	"sync"
)

// Outage prints once that the server is unavailable, and once that it is
// available again. It is safe for concurrent use.
type Outage struct {
	W       io.Writer
	Command string // name of the waiting command

	mu   sync.Mutex
	open bool // reported as unavailable; guarded by mu
}

// Failed reports a failure that will be retried.
func (o *Outage) Failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.open {
		o.open = true
		fmt.Fprintf(o.W, "%s: waiting for the server: %s\n", o.Command, err)
	}
}

// Over reports that the server has answered.
func (o *Outage) Over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open {
		o.open = false
		fmt.Fprintf(o.W, "%s: the server is back\n", o.Command)
	}
}
