package terminal

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// plainEvery is the interval between lines where no bar can be drawn.
const plainEvery = 2 * time.Second

// Progress shows how far long work has come: a bar on a terminal, and a line
// now and then otherwise. It is used by one goroutine.
type Progress struct {
	w       io.Writer
	name    string
	quiet   bool
	bar     *progressbar.ProgressBar // nil to print lines
	printed time.Time
}

// NewProgress returns the progress of the command with that name towards total,
// which is 0 if it is unknown.
func NewProgress(w io.Writer, name string, total int64, quiet bool) *Progress {
	p := &Progress{w: w, name: name, quiet: quiet, printed: time.Now()}
	if Is(w) && !quiet {
		if total == 0 {
			total = -1
		}
		// The bar's own estimate would count work that was skipped.
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// Show shows that so much of the total is done, and the text that describes it.
func (p *Progress) Show(done int64, text func() string) {
	switch {
	case p.bar != nil:
		p.bar.Describe(text())
		_ = p.bar.Set64(done) // only drawing can fail
	case !p.quiet && time.Since(p.printed) >= plainEvery:
		p.printed = time.Now()
		fmt.Fprintf(p.w, "%s: %s\n", p.name, text())
	}
}

// End ends the line of the bar.
func (p *Progress) End() {
	if p.bar != nil {
		fmt.Fprintln(p.w)
	}
}

// Bytes returns a number of bytes for people.
func Bytes(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.95 && unit < len(units)-1 {
		v /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, units[unit])
}
