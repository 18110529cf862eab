package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

func (c *Config) warn(format string, a ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, a...))
}

// Table writes the effective values for humans.
func (c *Config) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VARIABLE\tVALUE\tSOURCE\tTYPE\tRANGE")
	for _, s := range c.Settings() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, orDash(s.Value), s.Source, s.Type, orDash(s.Range))
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "MEMORY\tBYTES")
	sum := c.ProcessBytes()
	fmt.Fprintf(t, "process\t%s\n", formatSize(sum))
	for _, s := range c.shares() {
		sum += *s.bytes
		fmt.Fprintf(t, "%s\t%s\n", s.holds, formatSize(*s.bytes))
	}
	fmt.Fprintf(t, "together\t%s\n", formatSize(sum))
	fmt.Fprintf(t, "limit (%s)\t%s\n", c.MemorySource, formatSize(c.MemoryBytes))
	return t.Flush()
}

// Map returns the effective values by name, without secrets, for
// /actuator/info.
func (c *Config) Map() map[string]any {
	m := map[string]any{}
	for _, s := range c.Settings() {
		if !s.secret {
			m[s.Name] = s.Value
		}
	}
	return m
}

// JSON writes the effective values and declarations of all variables, as an
// array in the order of declaration.
func (c *Config) JSON(w io.Writer) error {
	type row struct {
		Name    string `json:"name"`
		Value   string `json:"value"`
		Source  string `json:"source"`
		Default string `json:"default"`
		Type    string `json:"type"`
		Range   string `json:"range,omitempty"`
		Doc     string `json:"doc"`
	}
	var rows []row
	for _, s := range c.Settings() {
		rows = append(rows, row{s.Name, s.Value, s.Source, s.Default, s.Type, s.Range, s.Doc})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(rows)
}

const markdownHead = `# Configuration

<!-- Written by "go generate ./cmd/topics"; edit cmd/topics/config/variables.go instead. -->

The server is configured by environment variables. The server refuses to
start if a value is malformed or out of range or a ` + "`TOPICS_*`" + ` name is unknown: it prints one
line for each problem and exits with code 2. A variable set to the empty string counts as not
set. ` + "`topics config`" + ` prints the effective values.

A *size* is a number of bytes, or a whole number with one of the units KiB, MiB,
GiB, TiB (powers of 1024) or KB, MB, GB, TB (powers of 1000); the B may be left out, as
in 512M. *ms* is whole milliseconds, or a duration with units, such as 60s, 1h30m or 7d.

The names that Kubernetes adds to every pod next to a Service called
` + "`topics`" + ` (` + "`TOPICS_SERVICE_HOST`, `TOPICS_PORT=tcp://...`, `TOPICS_PORT_4000_TCP`" + ` and
so on) are ignored; ` + "`enableServiceLinks: false`" + ` in the pod removes
them.
`

// Markdown writes docs/configuration.md.
func Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(markdownHead)
	group := ""
	for _, v := range new(Config).variables() {
		if v.Group != group {
			group = v.Group
			fmt.Fprintf(&b, "\n## %s\n\n| variable | type | default | range | meaning |\n|---|---|---|---|---|\n", group)
		}
		def := "none"
		if v.Default != "" {
			def = "`" + v.Default + "`"
		}
		if planned(v.Name) {
			def = "at most " + def
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", v.Name, v.Type, def, v.Range, v.Doc)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
