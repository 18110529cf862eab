package terminal

import (
	"io"
	"slices"

	"github.com/guptarohit/asciigraph"
)

// plotHeight is how many rows a plot has.
const plotHeight = 8

// PlotLines is how many lines a plot takes, with its caption.
const PlotLines = plotHeight + 3

// axisWidth is how many columns a plot's axis takes.
const axisWidth = 14

// Plot returns a plot of values over time, as wide as w.
func Plot(w io.Writer, caption string, values []float64) string {
	if len(values) < 2 {
		return ""
	}
	return asciigraph.Plot(values,
		asciigraph.Height(plotHeight),
		asciigraph.Width(max(Width(w)-axisWidth, 20)),
		asciigraph.LowerBound(0),
		asciigraph.UpperBound(slices.Max(values)),
		asciigraph.Precision(0),
		asciigraph.Caption(caption))
}
