package api

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/metrics"
)

// Each series has the labels that its family's description names, in that order.
func TestSeriesHaveTheLabelsDescribed(t *testing.T) {
	described := map[string][]string{}
	for _, f := range metrics.Describe() {
		described[f.Name] = f.Labels
		if f.Kind == "histogram" || f.Kind == "summary" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				described[f.Name+suffix] = f.Labels
			}
		}
	}
	name := regexp.MustCompile(`([A-Za-z_]+)="(?:[^"\\]|\\.)*"`)
	s, _ := busyServer(t)
	labelled := 0
	for series := range parseExposition(t, get(s, "GET", "/v0/metrics").Body.String()).values {
		family, rest, _ := strings.Cut(series, "{")
		var got []string
		for _, m := range name.FindAllStringSubmatch(rest, -1) {
			if m[1] != "le" {
				got = append(got, m[1])
			}
		}
		want, ok := described[family]
		if strings.HasSuffix(family, "_sum") || strings.HasSuffix(family, "_count") {
			want = slices.DeleteFunc(slices.Clone(want), func(l string) bool { return l == "quantile" })
		}
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s has the labels %v, described are %v (%v)", series, got, want, ok)
		}
		labelled += len(got)
	}
	if labelled < 50 {
		t.Errorf("%d labels were looked at", labelled)
	}
}
