package metrics

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Names returns the families that have series in a text, sorted.
func Names(text []byte) []string {
	names := []string{}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("# TYPE ")); ok {
			name, _, _ := strings.Cut(string(rest), " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Family is one family in the form of Spring's actuator: the sums over the series
// that have the tags asked for, and the tags that divide them further.
type Family struct {
	Name         string        `json:"name"`
	Description  string        `json:"description"`
	Type         string        `json:"type"`
	Measurements []measurement `json:"measurements"`
	Tags         []metricTag   `json:"availableTags"`
}

type measurement struct {
	Statistic string  `json:"statistic"`
	Value     float64 `json:"value"`
}

type metricTag struct {
	Tag    string   `json:"tag"`
	Values []string `json:"values"`
}

// NewFamily returns a family without measurements. ok is false if the catalogue
// has no family of that name.
func NewFamily(name string) (f *Family, ok bool) {
	known, ok := catalogue()[name]
	if !ok {
		return nil, false
	}
	return &Family{known.name, known.help, known.kind, []measurement{}, []metricTag{}}, true
}

// Read adds the family's series in a text that have the tags wanted.
func (m *Family) Read(text []byte, wanted []Label) {
	for line := range bytes.Lines(text) {
		if g, ok := familyOf(line); ok && g.name == m.Name {
			m.add(parseLine(line), wanted)
		}
	}
	slices.SortFunc(m.Tags, func(a, b metricTag) int { return strings.Compare(a.Tag, b.Tag) })
	for _, t := range m.Tags {
		slices.Sort(t.Values)
	}
}

// Label is a label of a series.
type Label struct{ Name, Value string }

// parsed is one line of the text.
type parsed struct {
	name   string
	labels []Label
	value  float64
}

// parseLine parses a line that this server wrote.
func parseLine(line []byte) (s parsed) {
	rest := strings.TrimSuffix(string(line), "\n")
	end := strings.IndexAny(rest, "{ ")
	s.name, rest = rest[:end], rest[end:]
	for len(rest) > 0 && rest[0] != ' ' && rest[0] != '}' {
		name, quoted, _ := strings.Cut(rest[1:], "=")
		value, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			return s
		}
		rest = quoted[len(value):]
		text, _ := strconv.Unquote(value) // QuotedPrefix found it well formed
		s.labels = append(s.labels, Label{name, text})
	}
	s.value, _ = strconv.ParseFloat(strings.TrimLeft(rest, "} "), 64)
	return s
}

// add adds the value of a series, unless it lacks a tag wanted. Buckets and
// quantiles are not amounts and are left out.
func (m *Family) add(s parsed, wanted []Label) {
	statistic := "VALUE"
	switch {
	case m.Type == counter, strings.HasSuffix(s.name, "_count") && s.name != m.Name:
		statistic = "COUNT"
	case strings.HasSuffix(s.name, "_sum") && s.name != m.Name:
		statistic = "TOTAL"
	case m.Type != gauge:
		return
	}
	for _, w := range wanted {
		if !slices.Contains(s.labels, w) {
			return
		}
	}
	i := slices.IndexFunc(m.Measurements, func(x measurement) bool { return x.Statistic == statistic })
	if i < 0 {
		i = len(m.Measurements)
		m.Measurements = append(m.Measurements, measurement{Statistic: statistic})
	}
	m.Measurements[i].Value += s.value
	for _, l := range s.labels {
		if slices.ContainsFunc(wanted, func(w Label) bool { return w.Name == l.Name }) {
			continue
		}
		j := slices.IndexFunc(m.Tags, func(t metricTag) bool { return t.Tag == l.Name })
		if j < 0 {
			j = len(m.Tags)
			m.Tags = append(m.Tags, metricTag{Tag: l.Name})
		}
		if !slices.Contains(m.Tags[j].Values, l.Value) {
			m.Tags[j].Values = append(m.Tags[j].Values, l.Value)
		}
	}
}
