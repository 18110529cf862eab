package bench

import (
	"fmt"
	"io"
)

func (r *Report) recovery(w io.Writer) {
	if len(r.Recovery) == 0 {
		return
	}
	fmt.Fprintln(w, "\nrecovery of records\ttopics\tloaded/s\tlog MB\tsegments MB\tcold MB\tresident MB\tpeak MB\t"+
		"ready after kill ms\treplay ms\treplayed MB\trecords\tresident MB\tstop ms\tready after stop ms\t")
	for _, p := range r.Recovery {
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t\n", p.Records, p.Topics, figure(p.Loaded),
			megabytes(p.LogBytes), megabytes(p.SegmentBytes), megabytes(p.ColdBytes), megabytes(p.ResidentBytes), megabytes(p.PeakBytes),
			figure(p.ReadyMS), figure(p.ReplayMS), megabytes(p.ReplayedBytes), p.ReplayedRecords, megabytes(p.RestartBytes),
			figure(p.StopMS), figure(p.CleanMS))
	}
}

func (r *Report) idle(w io.Writer) {
	if r.Idle == nil {
		return
	}
	fmt.Fprintln(w, "\nidle topics\tresident MB\tafter a restart MB\tempty MB\tB/topic\tready ms\t")
	fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t\n", r.Idle.Topics, megabytes(r.Idle.ResidentBytes), megabytes(r.Idle.RestartBytes),
		megabytes(r.Idle.EmptyBytes), figure(r.Idle.BytesPerTopic), figure(r.Idle.ReadyMS))
}

func (r *Report) checkpoint(w io.Writer) {
	if len(r.Checkpoint) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%d single disk writes/s while\tseconds\twrites\tp50 us\tp99 us\tp99.9 us\tp99 to quiet\t\n", pulseRate)
	for _, c := range r.Checkpoint {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%.2f\t\n", c.While, figure(c.Seconds), c.Writes,
			figure(c.P50US), figure(c.P99US), figure(c.P999US), c.Ratio)
	}
}

func (r *Report) history(w io.Writer) {
	if len(r.History) == 0 {
		return
	}
	fmt.Fprintln(w, "\nhistory, written\ttopics\tread\tsegments\trecords/s\tMB/s\t")
	for _, h := range r.History {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t\n", h.Written, h.Topics, h.Read, h.Segments, figure(h.Records), figure(h.MBs))
	}
}

func (r *Report) debian(w io.Writer) {
	if r.Debian == nil {
		return
	}
	fmt.Fprintln(w, "\npackage index\trecords\tJSON MB\tdata MB\tindex MB\tratio\t")
	fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%.3f\t\n", r.Debian.Corpus, r.Debian.Records, megabytes(r.Debian.JSONBytes),
		megabytes(r.Debian.SegmentBytes), megabytes(r.Debian.IndexBytes), r.Debian.Ratio)
}

func (r *Report) bounded(w io.Writer) {
	if len(r.Bounded) == 0 {
		return
	}
	fmt.Fprintln(w, "\nbounded, retains\trecords written\tMB\tdisk MB first\tat most\tin the end\tsegments MB first\tat most\tin the end\t")
	for _, c := range r.Bounded {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Kept, c.Records, megabytes(c.Bytes),
			megabytes(c.Steps[0]), megabytes(most(c.Steps)), megabytes(c.Settled),
			megabytes(c.SegmentSteps[0]), megabytes(most(c.SegmentSteps)), megabytes(c.SettledSegments))
	}
}
