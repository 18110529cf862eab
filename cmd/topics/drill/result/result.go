// Package result ends a drill: it prints the report, keeps or removes the
// directory, and makes an error of broken promises.
package result

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Report is the outcome of a drill.
type Report interface {
	// Broken returns how many promises were broken.
	Broken() int64
	// WriteTable writes the report for people.
	WriteTable(w io.Writer) error
}

// Drill is a drill that has run.
type Drill struct {
	Name string // for errors, with its seed
	Dir  string // where it ran
	Keep bool   // keep Dir unless every promise was kept
	JSON bool   // print the report as JSON
	Err  error  // why the drill was not finished; nil if it was
}

// End prints the report to out. It returns an error if the drill was not finished
// or a promise was broken.
func (d *Drill) End(report Report, out io.Writer) error {
	broken := report.Broken()
	if d.Keep && (d.Err != nil || broken > 0) {
		fmt.Fprintln(os.Stderr, "kept", d.Dir)
	} else if err := os.RemoveAll(d.Dir); err != nil {
		return err
	}
	write := report.WriteTable
	if d.JSON {
		write = func(w io.Writer) error { return WriteJSON(w, report) }
	}
	if err := write(out); err != nil {
		return err
	}
	switch {
	case d.Err != nil:
		return fmt.Errorf("%s: %w", d.Name, d.Err)
	case broken > 0:
		return fmt.Errorf("%s: %d promises were broken", d.Name, broken)
	}
	return nil
}

// WriteJSON writes a report as one JSON object.
func WriteJSON(w io.Writer, report Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(report)
}
