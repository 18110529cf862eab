package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTally(t *testing.T) {
	repository := fstest.MapFS{
		"a/a_test.go":            {Data: []byte("func TestMain(m *testing.M) {\nfunc TestA(t *testing.T) {\n\tfunc TestB(t *testing.T) {\nfunc FuzzA(f *testing.F) {\n")},
		"a/a.go":                 {Data: []byte("func TestA(t *testing.T) {\n")},
		".git/b_test.go":         {Data: []byte("func TestB(t *testing.T) {\n")},
		"docs/contract-tests.md": {Data: []byte("| sentence | tests |\n|---|---|\n| one | `api.TestOne`, `api.TestTwo` |\n")},
		"docs/howto/page.md":     {Data: []byte("text\n\n    $ one\n    two\n    $ three\n")},
		"docs/other.md":          {Data: []byte("    $ one\n")},
		".ci/run":                {Data: []byte("step make crash CRASH_SEEDS=20\nstep make fuzz FUZZTIME=30x\nstep bin/topics drill damage --tries 4\n")},
	}
	got, err := tally(repository)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 1, 1, 2, 20, 30, 4} {
		if got[i].n != want {
			t.Errorf("%s: %d, want %d", got[i].what, got[i].n, want)
		}
	}
	delete(repository, ".ci/run")
	if _, err := tally(repository); err == nil {
		t.Error("no error without .ci/run")
	}
}

// row is a row of README's table of numbers.
var row = regexp.MustCompile(`(?m)^\| more than ([0-9,]+) \| ([^|]+) \|$`)

// TestREADMEIsRoundedDown holds that what README says there is more than there is,
// and not more than twice as much, so that the numbers need not follow each test.
func TestREADMEIsRoundedDown(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	counts, err := tally(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for _, found := range row.FindAllStringSubmatch(string(readme), -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		said[found[2]] = n
	}
	for _, c := range counts {
		n, ok := said[c.what]
		if !ok || c.n <= n || c.n > 2*n {
			t.Errorf("README says more than %d %s; there are %d", n, c.what, c.n)
		}
	}
	if len(said) != len(counts) {
		t.Errorf("README has %d numbers, tally %d", len(said), len(counts))
	}
}
