package terminal

import (
	"fmt"
	"io"
	"sync"

	"github.com/schollz/progressbar/v3"
)

// Steps shows work of a known number of steps that prints lines as it goes on. On
// a terminal a bar is below the last line; elsewhere there are the lines only. It
// is safe for concurrent use.
type Steps struct {
	mu  sync.Mutex // guards what follows, and writes to w
	w   io.Writer
	bar *progressbar.ProgressBar // nil if none is drawn
}

// NewSteps returns the progress towards total steps.
func NewSteps(w io.Writer, total int) *Steps { return newSteps(w, total, Is(w)) }

func newSteps(w io.Writer, total int, drawn bool) *Steps {
	s := &Steps{w: w}
	if drawn && total > 0 {
		s.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowCount(),
			progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(),
		)
		_ = s.bar.RenderBlank() // only drawing can fail, here and below
	}
	return s
}

// Printf prints a line that stays.
func (s *Steps) Printf(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear()
	}
	fmt.Fprintf(s.w, format+"\n", a...)
	if s.bar != nil && !s.bar.IsFinished() {
		_ = s.bar.RenderBlank()
	}
}

// Done adds a step to those that are done.
func (s *Steps) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil && !s.bar.IsFinished() {
		_ = s.bar.Add(1)
	}
}

// End takes the bar away.
func (s *Steps) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear()
		s.bar = nil
	}
}
