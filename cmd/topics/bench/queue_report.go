package bench

import (
	"fmt"
	"io"
)

func (r *Report) queue(w io.Writer) {
	if r.Queue == nil {
		return
	}
	if r.Queue.Beanstalkd != "" {
		fmt.Fprintf(w, "\nqueue: %s\n", r.Queue.Beanstalkd)
	}
	fmt.Fprintln(w, "\nqueue\tclass\tworkers\tbatch\tjobs/s\tp50 us\tp99 us\tbeanstalkd jobs/s\tp50 us\tp99 us\tratio\t")
	for _, c := range r.Queue.Rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t", c.Op, c.Class, c.Workers, c.Batch, figure(c.Jobs), figure(c.P50US), figure(c.P99US))
		if c.Other == nil {
			fmt.Fprintln(w, "\t\t\t\t")
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t\n", figure(c.Other.Jobs), figure(c.Other.P50US), figure(c.Other.P99US), c.Ratio)
	}
}
