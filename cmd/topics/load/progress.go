package load

import (
	"fmt"
	"io"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// meter counts what a load has done, and shows its progress.
type meter struct {
	progress *terminal.Progress
	began    time.Time
	size     int64 // size of the file; 0 if unknown
	from     int64 // bytes of the file that were skipped
	at       int64 // bytes of the file that are loaded
	records  int
	bytes    int64
}

func newMeter(w io.Writer, quiet bool, size, from int64) *meter {
	return &meter{progress: terminal.NewProgress(w, "load", size, quiet), began: time.Now(), size: size, from: from, at: from}
}

// add records that a batch was written. at is its end in the file, in bytes.
func (m *meter) add(records int, bytes, at int64) {
	m.records += records
	m.bytes += bytes
	m.at = at
	m.progress.Show(at, m.line)
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

// result returns the summary for a program.
func (m *meter) result(topic string, skipped uint64) map[string]any {
	return map[string]any{"topic": topic, "records": m.records, "bytes": m.bytes, "skipped": skipped, "duration_ms": time.Since(m.began).Milliseconds()}
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
