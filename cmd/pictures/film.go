package main

import (
	"fmt"
	"strings"
)

const (
	// typing is how long the command appears to be typed, and holding how long
	// the end is shown before the film begins again, in seconds.
	typing  = 1.5
	holding = 8.0
	// Sizes of the terminal's letters.
	letterWidth = 7.83
	lineHeight  = 17
	margin      = 14
)

// film returns the recording as an animated SVG: each line appears at its time,
// and the whole repeats. Viewers without animation show the end.
func (c *cast) film() []byte {
	var b strings.Builder
	last := typing
	for _, e := range c.events {
		last = max(last, typing+e.at)
	}
	total := last + holding
	width := int(float64(c.header.Width)*letterWidth) + 2*margin
	height := (len(c.events)+1)*lineHeight + 2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escape(c.header.Title))
	b.WriteString(`<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d7dae0;white-space:pre}` +
		`.p{fill:#7ec699}.k{fill:#f0c674}.g{fill:#7ec699;font-weight:bold}` +
		"@media(prefers-reduced-motion:reduce){text{animation:none!important}}\n")
	for i, e := range c.events {
		fmt.Fprintf(&b, "@keyframes l%d{0%%,%.2f%%{opacity:0}%.2f%%,100%%{opacity:1}}\n", i, share(typing+e.at, total), share(typing+e.at, total)+0.01)
	}
	b.WriteString("</style>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#1d1f21"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="%d"><tspan class="p">$</tspan> %s</text>`+"\n", margin, margin+lineHeight-4, escape(c.header.Title))
	for i, e := range c.events {
		fmt.Fprintf(&b, `<text x="%d" y="%d"%s style="animation:l%d %.2fs infinite">%s</text>`+"\n",
			margin, margin+(i+2)*lineHeight-4, style(e.line), i, total, escape(e.line))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// share is the part of the total in percent.
func share(at, total float64) float64 { return 100 * at / total }

// style is the class of a line: a kill, or the verdict.
func style(line string) string {
	switch {
	case strings.HasPrefix(line, "kill "):
		return ` class="k"`
	case line == "every promise was kept":
		return ` class="g"`
	}
	return ""
}

// escape returns text for the inside of an element or an attribute.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
