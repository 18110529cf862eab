package drill

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a drill.
type Report struct {
	Seed uint64 `json:"seed"`
	// Kills counts all kills; Early counts those during the start of the server.
	Kills int `json:"kills"`
	Early int `json:"kills_while_starting"`
	// During counts the kills under load that coincided with a checkpoint, a merge
	// or a relocation. It is a lower bound.
	During map[work]int `json:"kills_during"`
	// Checkpoints counts those requested while the server was loaded; the server
	// takes more by itself.
	Checkpoints int64 `json:"checkpoints_answered"`
	Failed      int64 `json:"checkpoints_failed"`
	// Classes has the tally of each durability class; Total is their sum.
	Classes map[class]*Tally `json:"classes"`
	Total   Tally            `json:"total"`
	// Watched counts records that a single watcher received across all kills.
	Watched int64       `json:"watched_records"`
	Ready   ReadyReport `json:"ready"`
	// Findings describes the first broken promises.
	Findings []string `json:"findings"`
	// Error is why the drill ended before all kills and the last check.
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
}

// ReadyReport summarizes the probes.
type ReadyReport struct {
	Probes int64 `json:"probes"`
	// Broken counts boots in which a rule of the probes was violated.
	Broken int64 `json:"broken"`
	// Boots counts the boots that became ready.
	Boots int     `json:"boots"`
	P50MS float64 `json:"p50_ms"`
	MaxMS float64 `json:"max_ms"`
	// Progress has the distinct replay_progress values seen, MostInBoot the most
	// of them in one boot.
	Progress   []float64 `json:"progress"`
	MostInBoot int       `json:"most_progress_values_in_one_boot"`
}

// Broken returns the number of broken promises.
func (r *Report) Broken() int64 { return r.Total.broken() + r.Ready.Broken + r.Failed }

// report summarizes the books and the probes.
func (d *drill) report() *Report {
	r := &Report{
		Seed: d.plan.seed, Kills: d.kills, Early: d.early,
		During: d.hits, Checkpoints: d.operator.answered, Failed: d.operator.failed,
		Classes:  make(map[class]*Tally),
		Watched:  d.watcher.seen(),
		Findings: d.findings.list(),
		Seconds:  time.Since(d.began).Seconds(),
		Ready: ReadyReport{
			Probes: d.gate.probes, Broken: d.gate.broken, Boots: len(d.gate.waits),
			P50MS:    milliseconds(d.gate.readyWait(0.5)),
			MaxMS:    milliseconds(d.gate.readyWait(1)),
			Progress: d.gate.progressValues(), MostInBoot: d.gate.most,
		},
	}
	for _, b := range d.books {
		if r.Classes[b.class] == nil {
			r.Classes[b.class] = &Tally{}
		}
		t := b.counted()
		r.Classes[b.class].add(&t)
		r.Total.add(&t)
	}
	for _, route := range d.routes {
		t := route.counted()
		r.Classes[route.class].add(&t)
		r.Total.add(&t)
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// WriteTable writes the report for humans.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, value func(*Tally) any) {
		fmt.Fprintf(t, "%s\t", name)
		for _, c := range classes {
			tally := r.Classes[c]
			if tally == nil {
				tally = &Tally{}
			}
			fmt.Fprintf(t, "%v\t", value(tally))
		}
		fmt.Fprintf(t, "%v\t\n", value(&r.Total))
	}
	fmt.Fprintf(t, "\t")
	for _, c := range classes {
		fmt.Fprintf(t, "%s\t", c)
	}
	fmt.Fprintf(t, "total\t\n")
	row("acked writes", func(t *Tally) any { return t.AckedWrites })
	row("acked records", func(t *Tally) any { return t.AckedRecords })
	row("retries deduplicated", func(t *Tally) any { return t.Deduped })
	row("deletes", func(t *Tally) any { return t.Deletes })
	row("records deleted", func(t *Tally) any { return t.DeletedRecords })
	row("records checked", func(t *Tally) any { return t.Checked })
	row("copies checked", func(t *Tally) any { return t.Copied })
	row("lost, in a tombstone", func(t *Tally) any { return t.Declared })
	row("LOST", func(t *Tally) any { return t.Lost })
	row("UNDELETED", func(t *Tally) any { return t.Undeleted })
	row("duplicates", func(t *Tally) any { return t.Duplicates })
	row("partial batches", func(t *Tally) any { return t.Partial })
	row("seqs reused", func(t *Tally) any { return t.Reused })
	row("unexplained gaps", func(t *Tally) any { return t.Gaps })
	row("damaged records", func(t *Tally) any { return t.Damaged })
	row("unexpected answers", func(t *Tally) any { return t.Unexpected })
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nkills: %d (%d of them during the start), seed %d, %.1f s\n", r.Kills, r.Early, r.Seed, r.Seconds)
	fmt.Fprintf(w, "kills during: checkpoint %d, merge %d, relocation %d\n",
		r.During[checkpointing], r.During[merging], r.During[relocating])
	fmt.Fprintf(w, "requested checkpoints: %d answered, %d failed\n", r.Checkpoints, r.Failed)
	fmt.Fprintf(w, "records that one watcher received across all kills: %d\n", r.Watched)
	fmt.Fprintf(w, "time to ready: p50 %.0f ms, max %.0f ms, %d boots\n", r.Ready.P50MS, r.Ready.MaxMS, r.Ready.Boots)
	fmt.Fprintf(w, "progress values seen: %d, up to %d in one boot: %s\n",
		len(r.Ready.Progress), r.Ready.MostInBoot, few(r.Ready.Progress))
	fmt.Fprintf(w, "probes: %d, boots that violated a rule of the probes: %d\n", r.Ready.Probes, r.Ready.Broken)
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

// few formats at most 8 of the values, evenly chosen.
func few(values []float64) string {
	const most = 8
	n := min(len(values), most)
	words := make([]string, n)
	for i := range words {
		at := i
		if len(values) > most {
			at = i * (len(values) - 1) / (most - 1)
		}
		words[i] = fmt.Sprintf("%.3f", values[at])
	}
	return strings.Join(words, " ")
}
