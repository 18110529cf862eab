package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/e6e95bb8/topics/api/metrics"
)

const rulesFile = "docs/deploy/prometheus/topics.rules.yml"

// rule is an alert.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readRules returns the alerts of a rule file of Prometheus.
func readRules(path string) ([]rule, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	metricName = regexp.MustCompile(`\b(?:topics|go|process)_[a-z0-9_]+\b`)
)

// namesIn returns the names of this server's series in a query.
func namesIn(query string) []string {
	names := metricName.FindAllString(quoted.ReplaceAllString(query, `""`), -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// familyOf returns the family that a series with this name belongs to. ok is false
// if the server has none.
func familyOf(name string) (family metrics.Description, ok bool) {
	for _, f := range metrics.Describe() {
		base := name
		if f.Kind == "histogram" || f.Kind == "summary" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
		}
		if f.Name == base {
			return f, true
		}
	}
	return metrics.Description{}, false
}
