package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// Report is the result of a run.
type Report struct {
	CPUs       int                `json:"cpus"`
	Go         string             `json:"go"`
	IntervalMS int64              `json:"interval_ms"`
	Repeats    int                `json:"repeats"`
	AppendSync *AppendSync        `json:"append_sync,omitempty"`
	Groups     []GroupCommit      `json:"group_commit,omitempty"`
	Writes     []WriteResult      `json:"writes,omitempty"`
	Reads      []ReadResult       `json:"reads,omitempty"`
	Replay     []ReplayResult     `json:"replay,omitempty"`
	Recovery   []RecoveryResult   `json:"recovery,omitempty"`
	Progress   []ProgressResult   `json:"progress,omitempty"`
	Probes     []ProbeResult      `json:"probes,omitempty"`
	Idle       *IdleResult        `json:"idle,omitempty"`
	Checkpoint []CheckpointResult `json:"checkpoint,omitempty"`
	History    []HistoryResult    `json:"history,omitempty"`
	Debian     *DebianResult      `json:"debian,omitempty"`
	Bounded    []BoundedResult    `json:"bounded,omitempty"`
	Watch      *WatchReport       `json:"watch,omitempty"`
	Fanout     *FanoutResult      `json:"fanout,omitempty"`
	Queue      *QueueReport       `json:"queue,omitempty"`
	Backlog    []BacklogResult    `json:"backlog,omitempty"`
	Against    *AgainstReport     `json:"against,omitempty"`
	Due        DueResult          `json:"due"`
}

func (b *bench) newReport() *Report {
	return &Report{
		CPUs: runtime.NumCPU(), Go: runtime.Version(),
		IntervalMS: b.cmd.Interval.Milliseconds(), Repeats: b.cmd.Repeats,
	}
}

// addWrites summarizes the rounds of the writes.
func (r *Report) addWrites(b *bench, rounds []*round) {
	r.AppendSync = &AppendSync{
		GrowingP50US: medianOf(rounds, func(r *round) float64 { return r.appendSync.GrowingP50US }),
		ZeroedP50US:  medianOf(rounds, func(r *round) float64 { return r.appendSync.ZeroedP50US }),
		ZeroedP99US:  medianOf(rounds, func(r *round) float64 { return r.appendSync.ZeroedP99US }),
		HandlerP50US: medianOf(rounds, func(r *round) float64 { return r.appendSync.HandlerP50US }),
	}
	for _, s := range b.cmd.shapes() {
		r.Groups = append(r.Groups, GroupCommit{
			Writers: s.writers, Batch: s.batch,
			Written: medianOf(rounds, func(r *round) float64 { return r.groups[s].Written }),
			Synced:  medianOf(rounds, func(r *round) float64 { return r.groups[s].Synced }),
		})
	}
	r.Writes = b.writeResults(rounds)
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for humans.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%d CPUs shared by client and server, %s, intervals of %d ms, median of %d\n",
		r.CPUs, r.Go, r.IntervalMS, r.Repeats)
	for _, section := range []func(io.Writer){
		r.limits, r.writes, r.reads, r.replay, r.recovery, r.progress, r.probes, r.idle,
		r.checkpoint, r.history, r.debian, r.bounded, r.watch, r.fanout, r.queue, r.backlog, r.against,
	} {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		section(t)
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) limits(w io.Writer) {
	if r.AppendSync == nil {
		return
	}
	fmt.Fprintf(w, "\nraw append+sync of %d bytes: p50 %s us in a growing file, %s us in a pre-zeroed one (p99 %s us),\n"+
		"%s us when a bare HTTP handler does it\n\n",
		appendBytes, figure(r.AppendSync.GrowingP50US), figure(r.AppendSync.ZeroedP50US), figure(r.AppendSync.ZeroedP99US),
		figure(r.AppendSync.HandlerP50US))
	fmt.Fprintln(w, "raw group commit:\twriters\tbatch\twritten records/s\tsynced records/s\t")
	for _, g := range r.Groups {
		fmt.Fprintf(w, "\t%d\t%d\t%s\t%s\t\n", g.Writers, g.Batch, figure(g.Written), figure(g.Synced))
	}
}

func (r *Report) writes(w io.Writer) {
	if len(r.Writes) == 0 {
		return
	}
	fmt.Fprintln(w, "\nwrites\twriters\tbatch\twrites/s\trecords/s\tp50 us\tp99 us\tframes/sync\tCPU client\tserver\tratio\tto\t")
	for _, c := range r.Writes {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%s\t\n",
			c.Class, c.Writers, c.Batch, figure(c.Writes), figure(c.Records), figure(c.P50US), figure(c.P99US),
			figure(c.Group), c.CPU.Client, c.CPU.Server, c.Ratio, c.Limit)
	}
}

func (r *Report) reads(w io.Writer) {
	if len(r.Reads) == 0 {
		return
	}
	fmt.Fprintln(w, "\nreads from\treaders\trecords/s\tMB/s\tp50 us\tp99 us\tCPU client\tserver\tratio to a raw scan\t")
	for _, c := range r.Reads {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t\n", c.From, c.Readers,
			figure(c.Records), figure(c.MBs), figure(c.P50US), figure(c.P99US), c.CPU.Client, c.CPU.Server, c.Ratio)
	}
}

func (r *Report) replay(w io.Writer) {
	if len(r.Replay) == 0 {
		return
	}
	fmt.Fprintln(w, "\nreplay of records\tin batches of\tlog MB\tready ms\tempty ms\treplay ms\tMB/s\traw scan MB/s\tratio\tprogress values\tresident MB\tempty MB\tB/record\t")
	for _, c := range r.Replay {
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%.2f\t%d\t%s\t%s\t%.1f\t\n", c.Records, c.Batch, figure(float64(c.LogBytes)/1e6),
			figure(c.ReadyMS), figure(c.EmptyMS), figure(c.ReplayMS), figure(c.MBs), figure(c.ScanMBs), c.Ratio, c.Progress,
			figure(float64(c.ResidentBytes)/1e6), figure(float64(c.EmptyBytes)/1e6), c.BytesPerRecord)
	}
}

func (r *Report) probes(w io.Writer) {
	if len(r.Probes) == 0 {
		return
	}
	fmt.Fprintln(w, "\nprobes while\tconnections\tprobes\tfailed\tp50 us\tp99 us\tat most us\t/health\t/live\t")
	for _, p := range r.Probes {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", p.State, p.Connections, p.Probes, p.Failed, figure(p.P50US), figure(p.P99US), figure(p.MaxUS), p.Health, p.Live)
	}
}

func (r *Report) progress(w io.Writer) {
	if len(r.Progress) == 0 {
		return
	}
	fmt.Fprintln(w, "\nprogress of the replay of\tlog MB\treplay ms\treadings\tprogress off by at most\tworst\teta off by at most ms\t%\t")
	for _, p := range r.Progress {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.3f\t%.3f\t%s\t%.0f\t\n", p.Log, megabytes(p.LogBytes), figure(p.ReplayMS), p.Readings, p.Off, p.WorstOff, figure(p.ETAOffMS), 100*p.ETAOff)
	}
}
