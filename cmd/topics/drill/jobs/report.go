package jobs

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is the result of a drill.
type Report struct {
	Seed        uint64           `json:"seed"`
	ServerKills int              `json:"server_kills"`
	WorkerKills int              `json:"worker_kills"`
	WorkerExits int              `json:"worker_exits"` // in order, while others went on
	Classes     map[class]*tally `json:"classes"`
	Findings    []string         `json:"findings"` // the first broken promises
	// Error is why the drill ended before the verdict.
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
}

func (d *drill) report() *Report {
	r := &Report{Seed: d.cmd.Seed, Seconds: time.Since(d.began).Seconds(), ServerKills: len(d.evidence.outages), WorkerExits: d.exits, Findings: []string{}}
	r.WorkerKills = len(d.evidence.killed)
	if d.verdict != nil {
		r.Classes = d.verdict.classes
		r.Findings = append(r.Findings, d.verdict.findings...)
	}
	return r
}

// Broken returns the number of broken promises.
func (r *Report) Broken() (n int64) {
	for _, t := range r.Classes {
		n += t.broken()
	}
	return n
}

// WriteTable writes the report for humans.
func (r *Report) WriteTable(w io.Writer) error {
	if r.Classes != nil {
		if err := r.writeClasses(w); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "server killed %d times; workers killed %d times, and stopped %d times; seed %d, %.1f s\n",
		r.ServerKills, r.WorkerKills, r.WorkerExits, r.Seed, r.Seconds)
	for _, finding := range r.Findings {
		fmt.Fprintf(w, "BROKEN: %s\n", finding)
	}
	verdict := "every promise was kept"
	switch n := r.Broken(); {
	case n > 0:
		verdict = fmt.Sprintf("%d promises were broken", n)
	case r.Error != "":
		verdict = "the drill was not finished: " + r.Error
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}

func (r *Report) writeClasses(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range classes {
		fmt.Fprintf(t, "\t%s", c)
	}
	fmt.Fprintln(t, "\t")
	for _, row := range []struct {
		name  string
		value func(*tally) int64
	}{
		{"jobs written", func(t *tally) int64 { return t.Written }},
		{"done", func(t *tally) int64 { return t.Done }},
		{"done, and known to be acked", func(t *tally) int64 { return t.Acked }},
		{"dead-lettered", func(t *tally) int64 { return t.Dead }},
		{"again, worker killed", func(t *tally) int64 { return t.ByWorkerKill }},
		{"again, server killed", func(t *tally) int64 { return t.ByServerKill }},
		{"again, given back", func(t *tally) int64 { return t.ByReturn }},
		{"again, lease lost", func(t *tally) int64 { return t.ByLoss }},
		{"lost, as the class allows", func(t *tally) int64 { return t.Allowed }},
		{"LOST", func(t *tally) int64 { return t.Lost }},
		{"BACK AFTER AN ACK", func(t *tally) int64 { return t.Back }},
		{"AGAIN WITHOUT A CAUSE", func(t *tally) int64 { return t.Causeless }},
		{"OUT OF ORDER IN A GROUP", func(t *tally) int64 { return t.Disorder }},
		{"BEFORE THEIR TIME", func(t *tally) int64 { return t.Early }},
		{"IN TWO PLACES", func(t *tally) int64 { return t.Twice }},
	} {
		fmt.Fprintf(t, "%s\t", row.name)
		for _, c := range classes {
			fmt.Fprintf(t, "%d\t", row.value(r.Classes[c]))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
