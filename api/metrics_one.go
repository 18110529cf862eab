package api

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/api/wire"
)

// handleMetricNames is GET /actuator/metrics: the families that have series.
func (s *Server) handleMetricNames(c *call) error {
	names := []string{}
	for line := range bytes.Lines(s.metricsText(c.key)) {
		if rest, ok := bytes.CutPrefix(line, []byte("# TYPE ")); ok {
			name, _, _ := strings.Cut(string(rest), " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	s.writeProbe(c, true, struct {
		Names []string `json:"names"`
	}{slices.Compact(names)})
	return nil
}

// metricBody is one family in the form of Spring's actuator: the sums over the
// series that have the tags asked for, and the tags that divide them further.
type metricBody struct {
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

// handleMetric is GET /actuator/metrics/:name.
func (s *Server) handleMetric(c *call) error {
	f, ok := catalogue()[c.topic]
	if !ok {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such metric; /actuator/metrics has the names"}
	}
	wanted, err := tagsOf(c.r.URL.Query()["tag"])
	if err != nil {
		return err
	}
	body := metricBody{f.name, f.help, f.kind, []measurement{}, []metricTag{}}
	for line := range bytes.Lines(s.metricsText(c.key)) {
		if g, ok := familyOf(line); ok && g.name == f.name {
			body.add(parseSeries(line), wanted)
		}
	}
	slices.SortFunc(body.Tags, func(a, b metricTag) int { return strings.Compare(a.Tag, b.Tag) })
	for _, t := range body.Tags {
		slices.Sort(t.Values)
	}
	s.writeProbe(c, true, body)
	return nil
}

// tagsOf reads the parameters tag=name:value.
func tagsOf(params []string) ([]label, error) {
	var all []label
	for _, p := range params {
		name, value, ok := strings.Cut(p, ":")
		if !ok {
			bad := wire.Invalid("tag %q is not of the form name:value", p)
			bad.Detail = map[string]any{"field": "tag"}
			return nil, bad
		}
		all = append(all, label{name, value})
	}
	return all, nil
}

type label struct{ name, value string }

// series is one line of the text.
type series struct {
	name   string
	labels []label
	value  float64
}

// parseSeries reads a line that this server wrote.
func parseSeries(line []byte) (s series) {
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
		s.labels = append(s.labels, label{name, text})
	}
	s.value, _ = strconv.ParseFloat(strings.TrimLeft(rest, "} "), 64)
	return s
}

// add counts a series, unless it lacks a tag that is wanted. Buckets and
// quantiles are no amounts and are left out.
func (m *metricBody) add(s series, wanted []label) {
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
		if slices.ContainsFunc(wanted, func(w label) bool { return w.name == l.name }) {
			continue
		}
		j := slices.IndexFunc(m.Tags, func(t metricTag) bool { return t.Tag == l.name })
		if j < 0 {
			j = len(m.Tags)
			m.Tags = append(m.Tags, metricTag{Tag: l.name})
		}
		if !slices.Contains(m.Tags[j].Values, l.value) {
			m.Tags[j].Values = append(m.Tags[j].Values, l.value)
		}
	}
}
