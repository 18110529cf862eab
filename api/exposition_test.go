package api

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exposition is a parsed text: family by family, series by their full name.
type exposition struct {
	kinds  map[string]string
	values map[string]float64
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",? ?)*\})? (\S+)$`)
	leLabel    = regexp.MustCompile(`,?le="([^"]*)"`)
	sentence   = regexp.MustCompile(`^[A-Z].{10,}\.$`)
)

// parseExposition reads the text format strictly: HELP with a sentence, then
// TYPE, then all samples of the family in one piece; each series once;
// histograms cumulative, in order and ending at +Inf.
func parseExposition(t *testing.T, text string) exposition {
	t.Helper()
	e := exposition{map[string]string{}, map[string]float64{}}
	help, family := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, text, _ := strings.Cut(rest, " ")
			if _, twice := e.kinds[name]; twice || !sentence.MatchString(text) {
				t.Errorf("help: %q (seen before: %v)", line, twice)
			}
			help = name
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if name != help || !slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, kind) {
				t.Errorf("type after help of %s: %q", help, line)
			}
			family, e.kinds[name] = name, kind
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a sample: %q", line)
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if _, twice := e.values[m[1]+m[2]]; err != nil || twice {
			t.Errorf("%q: twice %v, %v", line, twice, err)
		}
		e.values[m[1]+m[2]] = value
		suffix, ok := strings.CutPrefix(m[1], family)
		part := suffix == "_bucket" || suffix == "_sum" || suffix == "_count"
		switch kind := e.kinds[family]; {
		case !ok || suffix != "" && !(part && (kind == "histogram" || kind == "summary")):
			t.Errorf("%q stands in family %s", line, family)
		case kind == "counter" && !strings.HasSuffix(family, "_total"):
			t.Errorf("counter %s does not end in _total", family)
		case kind != "counter" && strings.HasSuffix(family, "_total"):
			t.Errorf("%s %s ends in _total", kind, family)
		}
	}
	e.checkHistograms(t, text)
	return e
}

func (e exposition) checkHistograms(t *testing.T, text string) {
	t.Helper()
	type state struct{ le, count float64 }
	last := map[string]state{}
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, "{")
		base, ok := strings.CutSuffix(name, "_bucket")
		if !ok || e.kinds[base] != "histogram" {
			continue
		}
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		le, err := strconv.ParseFloat(leLabel.FindStringSubmatch(series)[1], 64)
		count, err2 := strconv.ParseFloat(value, 64)
		key := leLabel.ReplaceAllString(series, "") + "}"
		if before, ok := last[key]; err != nil || err2 != nil || ok && (before.le >= le || before.count > count) {
			t.Errorf("%q after %+v", line, before)
		}
		last[key] = state{le, count}
	}
	for key, s := range last {
		total := strings.Replace(strings.Replace(key, "_bucket{", "_count{", 1), "{}", "", 1)
		if want, ok := e.values[total]; s.le < 1e300 || ok && want != s.count {
			t.Errorf("%s ends at le %v with %v of %v", key, s.le, s.count, want)
		}
	}
}
