// Package terminal is what commands show to people: colours, progress, plots.
// On anything but a terminal it is plain lines.
package terminal

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// defaultWidth is the width of what is not a terminal.
const defaultWidth = 80

// Width returns the number of columns of w.
func Width(w io.Writer) int {
	if f, ok := w.(*os.File); ok && Is(w) {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return defaultWidth
}

// Height returns the number of rows of w, or 0 if it is not a terminal.
func Height(w io.Writer) int {
	if f, ok := w.(*os.File); ok && Is(w) {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil {
			return rows
		}
	}
	return 0
}

// Colours paints text, or leaves it as it is.
type Colours struct{ on bool }

// ColoursFor returns colours if w is a terminal that shows them and the user
// wants them; see no-color.org.
func ColoursFor(w io.Writer) Colours {
	return Colours{on: Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (c Colours) paint(code, text string) string {
	if !c.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Strong is for what to see first.
func (c Colours) Strong(text string) string { return c.paint("1", text) }

// Faint is for what to see last.
func (c Colours) Faint(text string) string { return c.paint("2", text) }

// Bad is for errors and losses.
func (c Colours) Bad(text string) string { return c.paint("31", text) }

// Good is for what is added or in order.
func (c Colours) Good(text string) string { return c.paint("32", text) }

// Changed is for what changes, and for warnings.
func (c Colours) Changed(text string) string { return c.paint("33", text) }

// Name is for names.
func (c Colours) Name(text string) string { return c.paint("36", text) }
