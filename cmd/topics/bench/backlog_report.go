package bench

import (
	"fmt"
	"io"
)

func (r *Report) backlog(w io.Writer) {
	if r.Backlog == nil {
		return
	}
	fmt.Fprint(w, "\nbacklog\tjobs\tB/job\t")
	for _, call := range backlogCalls {
		if call.name != "" {
			fmt.Fprintf(w, "%s p50 us\tp99 us\t", call.name)
		}
	}
	fmt.Fprintln(w, "state ms\tpage ms\tready ms after a kill\tafter a stop\t")
	for _, b := range r.Backlog {
		fmt.Fprintf(w, "%s\t%d\t%s\t", b.State, b.Jobs, figure(b.JobBytes))
		for _, call := range backlogCalls {
			if call.name != "" {
				fmt.Fprintf(w, "%s\t%s\t", figure(b.Calls[call.name].P50US), figure(b.Calls[call.name].P99US))
			}
		}
		fmt.Fprintf(w, "%.2f\t%.2f\t%s\t%s\t\n", b.StateMS, b.PageMS, figure(b.ReadyMS), figure(b.CleanMS))
	}
	fmt.Fprintf(w, "\n%d due at once\tlongest ms\tbefore\t\n", r.Due.Jobs)
	for _, call := range dueCalls {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t\n", call.name, r.Due.MostMS[call.name], r.Due.Before[call.name])
	}
	fmt.Fprintf(w, "all ready\t%.0f\t\t\n", r.Due.TookMS)
}
