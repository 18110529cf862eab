package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// starved is the least rate, in exchanges per second, at which the well-behaved
// client must be served, and slowMS the largest p99 of their latency.
const (
	starved = 5
	slowMS  = 2000
	// unreachedShare is the largest share of exchanges without a connection. It is
	// not 0 because more clients than the server may have connections and the kernel
	// may queue lose SYNs, those of the well-behaved client among them.
	unreachedShare = 0.01
)

// Report is the result of the attacks.
type Report struct {
	LimitBytes int64    `json:"limit_bytes"`
	Cgroup     bool     `json:"cgroup"` // the kernel enforced the limit
	Seconds    float64  `json:"seconds"`
	Results    []Result `json:"results"`
}

// Result is the result of one attack.
type Result struct {
	Attack   string  `json:"attack"`
	What     string  `json:"what"`
	Seconds  float64 `json:"seconds"`
	Attempts int64   `json:"attempts"` // connections that the hostile clients opened

	// The exchanges of the well-behaved client: those that were served, their
	// latency including retries, the number of 429s, exchanges without a connection,
	// and other failures.
	Served     int     `json:"served"`
	P50MS      float64 `json:"p50_ms"`
	P99MS      float64 `json:"p99_ms"`
	MaxMS      float64 `json:"max_ms"`
	Throttled  int     `json:"throttled"`
	Unreached  int     `json:"unreached"`
	Errors     int     `json:"errors"`
	FirstError string  `json:"first_error,omitempty"`

	PeakBytes int64  `json:"peak_bytes"` // the server's maximum resident memory
	Died      string `json:"died,omitempty"`
}

// Harm describes what the attack achieved. It is empty if the server withstood it.
func (r *Result) Harm(limit int64) string {
	switch {
	case r.Died != "":
		return "the server died"
	case r.PeakBytes > limit:
		return "beyond the limit"
	case r.Errors > 0:
		return "errors"
	case float64(r.Unreached) > unreachedShare*float64(r.Served+r.Unreached):
		return "unreached"
	case float64(r.Served) < starved*r.Seconds:
		return "starved"
	case r.P99MS > slowMS:
		return "slow"
	}
	return ""
}

// Broken returns the number of attacks that succeeded.
func (r *Report) Broken() (n int) {
	for i := range r.Results {
		if r.Results[i].Harm(r.LimitBytes) != "" {
			n++
		}
	}
	return n
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report as a table.
func (r *Report) WriteTable(w io.Writer) error {
	held := "watched"
	if r.Cgroup {
		held = "enforced by a cgroup"
	}
	fmt.Fprintf(w, "limit %d MiB, %s; %.0f s for each attack\n\n", r.LimitBytes>>20, held, r.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "attack\tconnections\tserved\tp50 ms\tp99 ms\tmax ms\tthrottled\tunreached\terrors\tpeak MiB\tharm\t")
	for i := range r.Results {
		a := &r.Results[i]
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%.1f\t%.0f\t%d\t%d\t%d\t%d\t%s\t\n",
			a.Attack, a.Attempts, a.Served, a.P50MS, a.P99MS, a.MaxMS, a.Throttled, a.Unreached, a.Errors, a.PeakBytes>>20, a.Harm(r.LimitBytes))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for i := range r.Results {
		a := &r.Results[i]
		fmt.Fprintf(w, "%s: %s\n", a.Attack, a.What)
		for _, words := range []string{a.FirstError, a.Died} {
			if words != "" {
				fmt.Fprintf(w, "    %s\n", words)
			}
		}
	}
	return nil
}
