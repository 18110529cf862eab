package damage

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/drill/result"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

func TestReport(t *testing.T) {
	r := &Report{Seed: 7, Kinds: map[kind]map[outcome]int{}, Findings: []string{}, progress: terminal.NewSteps(io.Discard, 0)}
	s := &scene{place: place{dir: "scene-0/live"}, moments: []*moment{{name: "killed"}}}
	r.add(&try{number: 1, scene: s, kind: none, way: sound})
	r.add(&try{number: 2, scene: s, kind: "truncated", way: mendedFirst})
	r.add(&try{number: 3, scene: s, kind: "truncated", way: sound, missing: true})
	if r.Broken() != 0 {
		t.Errorf("nothing is broken: %+v", r)
	}
	bad := &try{number: 4, scene: s, kind: "truncated", way: sound}
	bad.add(silent, "topic a: gone")
	bad.add(silent, "topic b: gone")
	bad.add(reused, "%s", strings.Repeat("x", 2*maxWords))
	r.add(bad)
	if r.Broken() != 2 || r.Breaches[silent] != 1 || r.Kinds["truncated"][broken] != 1 || r.Kinds["truncated"][unproven] != 1 {
		t.Errorf("got %+v", r)
	}
	for _, f := range r.Findings {
		if !strings.HasPrefix(f, "try 4 (scene-0, killed): ") || len(f) > maxWords+10 {
			t.Errorf("finding %q", f)
		}
	}
	var table, object bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "4 tries with seed 7") ||
		!strings.Contains(table.String(), "lost silently: 1\n") {
		t.Errorf("%v\n%s", err, table.String())
	}
	if err := result.WriteJSON(&object, r); err != nil || !json.Valid(object.Bytes()) {
		t.Errorf("%v\n%s", err, object.String())
	}
}

func TestWords(t *testing.T) {
	p := &try{place: place{dir: "/d/try-1"}}
	for message, want := range map[string][2]bool{
		"recovery failed: internal":                                                    {false, false},
		"/d/try-1/data/MANIFEST is damaged":                                            {true, false},
		"0000000000000001.wal is damaged at offset 64: see topics repair":              {true, true},
		"/d/try-1/cold/OWNER says that it is another's: use another one, or remove it": {true, true},
	} {
		if got := [2]bool{p.names(message), advises(message)}; got != want {
			t.Errorf("%q: got %v, want %v", message, got, want)
		}
	}
}
