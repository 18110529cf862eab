package deploy

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestPrometheusTakesTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	key := written(t, dir, "key", "secret")
	for _, name := range []string{"topics.rules.yml", "targets.yml"} {
		written(t, dir, name, text(t, filepath.Join("prometheus", name)))
	}
	config := written(t, dir, "prometheus.yml", text(t, "prometheus/prometheus.yml", "/etc/prometheus/topics.key", key))
	succeeds(t, "promtool", "check", "config", config)
}

func TestAlerts(t *testing.T) {
	for _, file := range ruleTests {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			succeeds(t, "promtool", "test", "rules", filepath.Join("prometheus", file))
		})
	}
}

var ruleTests = []string{"topics.rules_test.yml", "topics.rules_days_test.yml"}

// TestEveryAlertFiresAndResolves reads the tests of the rules: each alert has one
// in which it fires and later does not.
func TestEveryAlertFiresAndResolves(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert string `yaml:"alert"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	parse(t, text(t, "prometheus/topics.rules.yml"), &rules)
	held := resolved(t)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !held[r.Alert] {
				t.Errorf("no test lets %s fire and resolve", r.Alert)
			}
		}
	}
	if len(held) < 25 {
		t.Errorf("the tests have %d alerts", len(held))
	}
}

// resolved returns the alerts of which a test sees that they fire and resolve.
func resolved(t *testing.T) map[string]bool {
	held := map[string]bool{}
	for _, file := range ruleTests {
		var tests ruleTest
		parse(t, text(t, filepath.Join("prometheus", file)), &tests)
		for _, test := range tests.Tests {
			firing := map[string]bool{}
			for _, at := range test.Expectations {
				now := alertName.FindAllString(at.labels(), -1)
				for alert := range firing {
					held[alert] = held[alert] || !slices.Contains(now, alert)
				}
				for _, alert := range now {
					firing[alert] = true
				}
			}
		}
	}
	return held
}

var alertName = regexp.MustCompile(`Topics\w+`)

// ruleTest is a file for promtool test rules.
type ruleTest struct {
	Tests []struct {
		Expectations []expectation `yaml:"promql_expr_test"`
	} `yaml:"tests"`
}

type expectation struct {
	Samples []struct {
		Labels string `yaml:"labels"`
	} `yaml:"exp_samples"`
}

func (e expectation) labels() (all string) {
	for _, s := range e.Samples {
		all += s.Labels
	}
	return all
}

func parse(t *testing.T, text string, to any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}
