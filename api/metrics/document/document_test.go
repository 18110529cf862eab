package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/metrics"
)

// module leads from this package to the module's directory.
const module = "../../.."

func TestWrittenFilesAreCurrent(t *testing.T) {
	for path, want := range written(module) {
		got, err := os.ReadFile(filepath.Join(module, path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the catalogue says (%v): run go generate ./api/metrics", path, err)
		}
	}
}

// expected are families that rules name and the catalogue may lack: an alert holds
// for servers that do not have them.
var expected = []string{}

func TestRulesKnowTheirMetrics(t *testing.T) {
	rules, err := readRules(filepath.Join(module, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) < 25 {
		t.Errorf("there are %d alerts", len(rules))
	}
	for _, r := range rules {
		for _, name := range namesIn(r.Expr) {
			if _, ok := familyOf(name); !ok && !slices.Contains(expected, name) {
				t.Errorf("%s looks at %s, which the server does not have", r.Alert, name)
			}
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s lacks a summary or a description", r.Alert)
		}
	}
}

// A dashboard that is provisioned must find its data source and keep its address.
func TestDashboardHasEveryFamily(t *testing.T) {
	text := string(dashboard())
	for _, f := range metrics.Describe() {
		if strings.HasPrefix(f.Name, "topics_") && !strings.Contains(text, f.Name) {
			t.Errorf("%s has no panel", f.Name)
		}
	}
	for _, want := range []string{`"id": null`, `"uid": "topics"`, `"uid": "${datasource}"`, "$__rate_interval"} {
		if !strings.Contains(text, want) {
			t.Errorf("it has no %s", want)
		}
	}
	for _, m := range regexp.MustCompile(`(\w+)\{job=~`).FindAllStringSubmatch(text, -1) {
		if _, ok := familyOf(m[1]); !ok {
			t.Errorf("it asks for %s, which the server does not have", m[1])
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`"id": (\d+)`).FindAllString(text, -1) {
		if ids[id] {
			t.Errorf("two panels have the %s", id)
		}
		ids[id] = true
	}
	if strings.Contains(text, "DS_PROMETHEUS") || len(ids) < 100 {
		t.Errorf("it has %d panels", len(ids))
	}
}
