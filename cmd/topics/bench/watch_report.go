package bench

import (
	"fmt"
	"io"
)

func (r *Report) watch(w io.Writer) {
	if r.Watch == nil {
		return
	}
	fmt.Fprintln(w, "\nwatchers\tstalled\twrites/s\tdeliveries\tack p50 us\twrite to deliver p50 us\tp99 us\tCPU client\tserver\t")
	for _, c := range r.Watch.Rows {
		fmt.Fprintf(w, "%d\t%d\t%s\t%d\t%s\t%s\t%s\t%.2f\t%.2f\t\n", c.Watchers, c.Stalled, figure(c.Writes), c.Deliveries,
			figure(c.AckP50US), figure(c.P50US), figure(c.P99US), c.CPU.Client, c.CPU.Server)
	}
	fmt.Fprintln(w, "\nidle watchers\tresident B each\tgrowth by a stalled watcher MB\t")
	fmt.Fprintf(w, "%d\t%s\t%s\t\n", r.Watch.Idle, figure(r.Watch.BytesPerWatcher), megabytes(r.Watch.StalledBytes))
}

func (r *Report) fanout(w io.Writer) {
	if r.Fanout == nil {
		return
	}
	f := r.Fanout
	fmt.Fprintln(w, "\nfanout, destinations\twrites\tlog B/write\tlog B/copy\tack p50 us alone\trouted\tratio\tp99 us\tall copied p50 ms\tp99 ms\t")
	fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t\n", f.Destinations, f.Writes, figure(f.BytesAlone), figure(f.BytesEach),
		figure(f.AloneP50US), figure(f.P50US), f.Ratio, figure(f.P99US), figure(f.AllP50MS), figure(f.AllP99MS))
	fmt.Fprintln(w, "\nfanout, single writer: rounds\twrites\tack p50 us alone\trouted\tratio\t")
	fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%.2f\t\n", f.Lone.Rounds, f.Lone.Writes, figure(f.Lone.AloneP50US), figure(f.Lone.P50US), f.Lone.Ratio)
}
