package load

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// plainEvery is the interval between progress lines if no bar can be drawn.
const plainEvery = 2 * time.Second

// meter shows the progress of the load: a bar on a terminal, and lines
// otherwise.
type meter struct {
	w       io.Writer
	bar     *progressbar.ProgressBar // nil to print lines
	quiet   bool
	began   time.Time
	printed time.Time
	size    int64 // size of the file; 0 if unknown
	from    int64 // bytes of the file that were skipped
	at      int64 // bytes of the file that are loaded
	records int
	bytes   int64
}

func newMeter(w io.Writer, quiet bool, size, from int64) *meter {
	now := time.Now()
	m := &meter{w: w, quiet: quiet, began: now, printed: now, size: size, from: from, at: from}
	if f, ok := w.(*os.File); ok && !quiet && isatty.IsTerminal(f.Fd()) {
		limit := size
		if size == 0 {
			limit = -1
		}
		// The bar's own estimate would count the skipped part as progress.
		m.bar = progressbar.NewOptions64(limit,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionFullWidth(),
		)
	}
	return m
}

// add records that a batch was written. at is its end in the file, in bytes.
func (m *meter) add(records int, bytes, at int64) {
	m.records += records
	m.bytes += bytes
	m.at = at
	switch {
	case m.bar != nil:
		m.bar.Describe(m.line())
		_ = m.bar.Set64(at) // only drawing can fail
	case !m.quiet && time.Since(m.printed) >= plainEvery:
		m.printed = time.Now()
		fmt.Fprintln(m.w, "load:", m.line())
	}
}

// end ends the line of the bar.
func (m *meter) end() {
	if m.bar != nil {
		fmt.Fprintln(m.w)
	}
}

// line returns the progress as text.
func (m *meter) line() string {
	elapsed := time.Since(m.began).Seconds()
	s := fmt.Sprintf("%d records, %.1f MB, %.0f records/s", m.records, float64(m.bytes)/1e6, float64(m.records)/elapsed)
	if m.size > 0 && m.at > m.from {
		left := elapsed * float64(m.size-m.at) / float64(m.at-m.from)
		s += fmt.Sprintf(", %.0f %%, %.0f s left", 100*float64(m.at)/float64(m.size), left)
	}
	return s
}

// summary returns the final line.
func (m *meter) summary(topic string, skipped uint64) string {
	elapsed := time.Since(m.began).Seconds()
	s := fmt.Sprintf("%s: %d records, %.1f MB in %.2f s: %.0f records/s, %.1f MB/s", topic,
		m.records, float64(m.bytes)/1e6, elapsed, float64(m.records)/elapsed, float64(m.bytes)/1e6/elapsed)
	if skipped > 0 {
		s += fmt.Sprintf("; %d were already there", skipped)
	}
	return s
}
