package remote

import (
	"fmt"
	"io"
)

// Outage says once that the server is being waited for, and once that it is
// back. It is used by one goroutine.
type Outage struct {
	W       io.Writer
	Command string // that waits
	open    bool
}

// Failed tells of a failure that is waited out.
func (o *Outage) Failed(err error) {
	if !o.open {
		o.open = true
		fmt.Fprintf(o.W, "%s: waiting for the server: %s\n", o.Command, err)
	}
}

// Over tells that the server has answered.
func (o *Outage) Over() {
	if o.open {
		o.open = false
		fmt.Fprintf(o.W, "%s: the server is back\n", o.Command)
	}
}
