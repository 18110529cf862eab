package damage

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"

	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

const (
	// maxFindings bounds the broken promises that are described.
	maxFindings = 100
	// maxWords bounds one of them, in bytes.
	maxWords = 600
)

// Report is the outcome of a damage drill.
type Report struct {
	Seed  uint64 `json:"seed"`
	Tries int    `json:"tries"`
	// Kinds counts the tries by what was damaged and what became of it.
	Kinds map[kind]map[outcome]int `json:"kinds"`
	// Breaches counts the tries that broke each promise.
	Breaches map[promise]int `json:"broken"`
	// Findings are the first broken promises in words.
	Findings []string `json:"findings"`
	Seconds  float64  `json:"seconds"`

	progress *terminal.Steps // a step for each scene and each try
	mu       sync.Mutex      // guards the counts
}

// Broken counts all broken promises.
func (r *Report) Broken() int64 {
	n := int64(0)
	for _, count := range r.Breaches {
		n += int64(count)
	}
	return n
}

// add counts a try, and prints what it broke.
func (r *Report) add(t *try) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Tries++
	r.progress.Done()
	if r.Kinds[t.kind] == nil {
		r.Kinds[t.kind] = map[outcome]int{}
	}
	r.Kinds[t.kind][t.outcome()]++
	if r.Breaches == nil {
		r.Breaches = map[promise]int{}
	}
	seen := map[promise]bool{}
	for _, f := range t.findings {
		words := fmt.Sprintf("%v: %s: %s", t, f.promise, f.words)
		if len(words) > maxWords {
			words = words[:maxWords] + "..."
		}
		r.progress.Printf("%s", words)
		if len(r.Findings) < maxFindings {
			r.Findings = append(r.Findings, words)
		}
		if !seen[f.promise] {
			seen[f.promise] = true
			r.Breaches[f.promise]++
		}
	}
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t", o)
	}
	fmt.Fprintln(t)
	for _, h := range harms {
		fmt.Fprintf(t, "%s\t", h.kind)
		for _, o := range outcomes {
			fmt.Fprintf(t, "%d\t", r.Kinds[h.kind][o])
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range promises {
		fmt.Fprintf(w, "%s: %d\n", p, r.Breaches[p])
	}
	for _, f := range r.Findings {
		fmt.Fprintln(w, "finding:", f)
	}
	verdict := "every promise was kept"
	if n := r.Broken(); n > 0 {
		verdict = fmt.Sprintf("%d promises were broken", n)
	}
	_, err := fmt.Fprintf(w, "%d tries with seed %d in %.0f s: %s\n", r.Tries, r.Seed, r.Seconds, verdict)
	return err
}
