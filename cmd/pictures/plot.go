package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

// results is what the pictures use of a report of topics bench.
type results struct {
	AppendSync struct {
		P50US float64 `json:"zeroed_p50_us"`
	} `json:"append_sync"`
	Groups []struct {
		Writers int     `json:"writers"`
		Batch   int     `json:"batch"`
		Synced  float64 `json:"synced_records_per_s"`
	} `json:"group_commit"`
	Writes []struct {
		Class   string  `json:"class"`
		Writers int     `json:"writers"`
		Batch   int     `json:"batch"`
		Rate    float64 `json:"writes_per_s"`
	} `json:"writes"`
	Recovery []struct {
		Records int     `json:"records"`
		Ready   float64 `json:"ready_ms"`
		Clean   float64 `json:"clean_ready_ms"`
	} `json:"recovery"`
}

// draw returns the pictures by their names.
func draw(dir fs.FS) (map[string][]byte, error) {
	text, err := fs.ReadFile(dir, castFile)
	if err != nil {
		return nil, err
	}
	c, err := decodeCast(text)
	if err != nil {
		return nil, err
	}
	writes, err := readResults(dir, writesFile)
	if err != nil {
		return nil, err
	}
	recovery, err := readResults(dir, recoveryFile)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"drill.svg":    c.film(),
		"writes.svg":   writes.throughput().svg(),
		"recovery.svg": recovery.ready().svg(),
	}, nil
}

func readResults(dir fs.FS, name string) (*results, error) {
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	r := &results{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// throughput is the plot of single writes by writers.
func (r *results) throughput() *plot {
	p := &plot{title: "single writes of 200 bytes a second, by writers"}
	limit := series{name: "the disk: append and sync in a loop, or shared, without HTTP", dashed: true}
	for _, g := range r.Groups {
		switch {
		case g.Batch == 1 && g.Writers == 1:
			limit.add(1, 1e6/r.AppendSync.P50US)
		case g.Batch == 1:
			limit.add(g.Writers, g.Synced)
		}
	}
	p.series = append(p.series, limit)
	for _, class := range []string{"fsync", "disk"} {
		s := series{name: "class " + class}
		for _, w := range r.Writes {
			if w.Class == class && w.Batch == 1 {
				s.add(w.Writers, w.Rate)
			}
		}
		p.series = append(p.series, s)
	}
	return p
}

// ready is the plot of the time to ready by records.
func (r *results) ready() *plot {
	p := &plot{title: "milliseconds from the start of the process to ready, by records"}
	killed, stopped := series{name: "after kill -9"}, series{name: "after an orderly stop"}
	for _, point := range r.Recovery {
		killed.add(point.Records, point.Ready)
		stopped.add(point.Records, point.Clean)
	}
	p.series = []series{killed, stopped}
	return p
}

// plot is a plot of lines over a logarithmic axis.
type plot struct {
	title  string
	series []series
}

type series struct {
	name   string
	dashed bool
	points []point
}

type point struct{ x, y float64 }

func (s *series) add(x int, y float64) { s.points = append(s.points, point{float64(x), y}) }

// Sizes of a plot.
const (
	plotWidth  = 480
	plotHeight = 300
	plotLeft   = 64
	plotRight  = 20
	plotTop    = 84
	plotBottom = 34
)

var colours = []string{"#8a8f98", "#2563a8", "#c2571a"}

// svg draws the plot.
func (p *plot) svg() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight, escape(p.title))
	b.WriteString("<style>text{font:12px system-ui,sans-serif;fill:#333}</style>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<text x="12" y="20" font-weight="bold">%s</text>`+"\n", escape(p.title))
	top := p.top()
	for i := 0; i <= 4; i++ {
		value := top * float64(i) / 4
		y := p.y(value)
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, plotLeft, y, plotWidth-plotRight, y)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft-6, y+4, grouped(value))
	}
	for _, at := range p.series[0].points {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", p.x(at.x), plotHeight-12, short(at.x))
	}
	for i, s := range p.series {
		dash := ""
		if s.dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		colour := colours[i]
		if !p.series[0].dashed {
			colour = colours[i+1]
		}
		var path []string
		for _, at := range s.points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", p.x(at.x), p.y(at.y)))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(path, " "), colour, dash)
		for _, at := range s.points {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s</title></circle>`, p.x(at.x), p.y(at.y), colour, grouped(at.y))
		}
		y := 38 + 15*i
		fmt.Fprintf(&b, `<line x1="12" y1="%d" x2="36" y2="%d" stroke="%s" stroke-width="2"%s/>`, y-4, y-4, colour, dash)
		fmt.Fprintf(&b, `<text x="42" y="%d">%s</text>`+"\n", y, escape(s.name))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// x returns the place of a value on the logarithmic axis.
func (p *plot) x(value float64) float64 {
	first, last := math.Inf(1), 0.0
	for _, s := range p.series {
		for _, at := range s.points {
			first, last = min(first, at.x), max(last, at.x)
		}
	}
	return plotLeft + (plotWidth-plotLeft-plotRight)*math.Log(value/first)/math.Log(last/first)
}

// y returns the place of a value on the linear axis, which begins at 0.
func (p *plot) y(value float64) float64 {
	return plotHeight - plotBottom - (plotHeight-plotTop-plotBottom)*value/p.top()
}

// top returns the end of the linear axis: a round number above every value.
func (p *plot) top() float64 {
	highest := 0.0
	for _, s := range p.series {
		for _, at := range s.points {
			highest = max(highest, at.y)
		}
	}
	step := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, factor := range []float64{1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8} {
		if factor*step >= highest {
			return factor * step
		}
	}
	return 10 * step
}

// short returns a whole number with its thousands or millions as a letter.
func short(value float64) string {
	switch {
	case value >= 1e6 && math.Mod(value, 1e6) == 0:
		return grouped(value/1e6) + "M"
	case value >= 1e3 && math.Mod(value, 1e3) == 0:
		return grouped(value/1e3) + "k"
	}
	return grouped(value)
}

// grouped returns a whole number with commas.
func grouped(value float64) string {
	digits := strconv.FormatFloat(math.Round(value), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
