package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/metrics"
)

const introduction = `# Metrics

<!-- Written by "go generate ./api/metrics"; edit api/metrics/catalogue.go instead. -->

` + "`GET /v0/metrics`" + ` (or ` + "`/metrics`" + `) answers all of these in the text format of Prometheus, in every phase of the server, the replay of its log
included; with ` + "`Accept: application/json`" + ` as one JSON object. The alerts are those of [topics.rules.yml](deploy/prometheus/topics.rules.yml),
the dashboard is [topics.json](deploy/grafana/topics.json). A family without series yet, such as a counter by code of what never happened, is not in
an answer. Counters count from the start of the process.

Names and labels are kept from version to version, apart from what comes from the Go runtime. Histograms have ` + "`le`" + ` besides the labels listed.
`

// page returns docs/metrics.md.
func page(rules []rule) []byte {
	var b strings.Builder
	b.WriteString(introduction)
	for _, section := range []struct{ title, prefix string }{
		{"The server", "topics_"}, {"The Go runtime", "go_"}, {"The process", "process_"},
	} {
		b.WriteString("\n## " + section.title + "\n\n| name | type | labels | meaning | alert |\n|---|---|---|---|---|\n")
		for _, f := range metrics.Describe() {
			if strings.HasPrefix(f.Name, section.prefix) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Kind, code(f.Labels), f.Help, strings.Join(alertsOn(f, rules), ", "))
			}
		}
	}
	return []byte(b.String())
}

func code(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = "`" + n + "`"
	}
	return strings.Join(all, ", ")
}

// alertsOn returns the names of the alerts that look at a family.
func alertsOn(f metrics.Description, rules []rule) (names []string) {
	for _, r := range rules {
		if slices.ContainsFunc(namesIn(r.Expr), func(name string) bool {
			of, _ := familyOf(name)
			return of.Name == f.Name
		}) {
			names = append(names, r.Alert)
		}
	}
	return names
}
