package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
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
var expected = []string{"topics_backup_last_success_timestamp_seconds"}

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
