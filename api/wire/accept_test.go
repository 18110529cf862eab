package wire

import (
	"strings"
	"testing"
)

func TestPrefersJSON(t *testing.T) {
	rows := []struct {
		accept string
		json   bool
	}{
		{"", false},
		{"*/*", false},
		{"text/plain", false},
		{"text/*", false},
		{"application/json", true},
		{"Application/JSON", true},
		{"application/json; charset=UTF-8", true},
		{`application/json; charset="utf-8"`, true},
		{"application/*", true},
		// What Prometheus sends, old and new.
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false},
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", false},
		{"application/openmetrics-text", false},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		{"application/json, text/plain, */*", false}, // a tie
		{"application/json, */*;q=0.5", true},
		{"*/*;q=0.5, application/json", true},
		{"application/json;q=0.4, text/plain;q=0.5", false},
		{"application/json;q=0.5, text/plain;q=0.4", true},
		{"application/json;q=0.501, text/plain;q=0.5", true},
		{"application/json;q=0", false},
		{"application/json;q=0, */*", false},
		{"text/plain;q=0, */*", true},
		{"text/*;q=0.2, application/*;q=0.3", true},
		// The most specific range counts, not the best.
		{"text/plain;version=0.0.4;q=0.1, text/plain;q=0.9, application/json;q=0.5", true},
		{"text/plain;version=9;q=1, application/json;q=0.5", true},
		{"image/png", false},
		// Malformed elements are as if they were not there.
		{"application/json;q=2, text/plain;q=0.1", false},
		{"application/json;q=1.001", false},
		{"application/json;q=0.5555", false},
		{"application/json;q=", false},
		{"application/json;q=-1", false},
		{"application/json;q", false},
		{"*/json", false},
		{"json", false},
		{"/,;;,=,\",application/json", false},
		{",,application/json,,", true},
		{"application/json;", true},
		{`text/plain;x="a,b;q=0",application/json;q=0.1`, true},
		{`text/plain;x="a\",b",application/json`, true},
		{"application/json;q=1;ext=1", true},
	}
	for _, row := range rows {
		if got := PrefersJSON([]string{row.accept}); got != row.json {
			t.Errorf("Accept %q: JSON is %v", row.accept, got)
		}
	}
	if !PrefersJSON([]string{"text/plain;q=0.5", "application/json"}) {
		t.Error("a second header line does not count")
	}
	if PrefersJSON(nil) {
		t.Error("no header gave JSON")
	}
}

func TestAcceptIsBounded(t *testing.T) {
	if n := len(ParseAccept(strings.Repeat("a/b,", 1000))); n != maxAcceptRanges {
		t.Errorf("%d ranges", n)
	}
	long := strings.Repeat(" ", maxAcceptBytes) + "application/json"
	if PrefersJSON([]string{long}) {
		t.Error("looked beyond the bound")
	}
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{
		"", "*/*", "application/json;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
		`text/plain;x="a\",b";q=0.1`, `"`, ";q=", "a/b;q=1.000;c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ranges := ParseAccept(s)
		if len(ranges) > maxAcceptRanges {
			t.Fatalf("%d ranges", len(ranges))
		}
		for _, r := range ranges {
			if r.typ == "" || r.subtype == "" || r.quality < 0 || r.quality > 1000 {
				t.Fatalf("%q gave %+v", s, r)
			}
		}
		// Saying it twice says nothing else.
		if len(s) < maxAcceptBytes/2 && len(ranges) < maxAcceptRanges/2 && strings.Count(s, `"`) == 0 {
			if PrefersJSON([]string{s}) != PrefersJSON([]string{s, s}) {
				t.Fatalf("%q twice is judged differently", s)
			}
		}
	})
}
