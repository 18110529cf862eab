package remote

import (
	"fmt"
	"io"
)

// Outage prints once that the server is unavailable, and once that it is
// available again. It is used by one goroutine.
type Outage struct {
	W       io.Writer
	Command string // name of the waiting command
	open    bool
}

// Failed reports a failure that will be retried.
func (o *Outage) Failed(err error) {
	if !o.open {
		o.open = true
		fmt.Fprintf(o.W, "%s: waiting for the server: %s\n", o.Command, err)
	}
}

// Over reports that the server has answered.
func (o *Outage) Over() {
	if o.open {
		o.open = false
		fmt.Fprintf(o.W, "%s: the server is back\n", o.Command)
	}
}
