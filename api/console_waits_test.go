package api

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/api/openapi"
)

// TestConsoleKnowsWhatAnErasureWaitsFor holds that the console has words for each reason
// that the document has.
func TestConsoleKnowsWhatAnErasureWaitsFor(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Enum []any `json:"enum"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openapi.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, s := range doc.Components.Schemas {
		for _, reason := range s.Properties["waits_for"].Enum {
			reasons = append(reasons, reason.(string))
		}
	}
	script, err := os.ReadFile("console/assets/recovery.js")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`(?s)const waits = \{.*?\};`).Find(script)
	var known []string
	for _, m := range regexp.MustCompile(`(\w+): "`).FindAllSubmatch(words, -1) {
		known = append(known, string(m[1]))
	}
	slices.Sort(reasons)
	slices.Sort(known)
	if len(reasons) == 0 || !slices.Equal(reasons, known) {
		t.Errorf("the document has %v, the console has words for %v", reasons, known)
	}
}
