package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContractTable holds that docs/contract-tests.md is correct as far as a
// program can check: each test in its tables exists where it says, each contract
// test of api is in them, and each rule and case of queues has a row.
func TestContractTable(t *testing.T) {
	table, err := os.ReadFile("../../docs/contract-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	declared := map[string]map[string]bool{} // by directory
	listed := map[string]bool{}
	for i, line := range strings.Split(string(table), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| sentence |") {
			continue
		}
		found := named.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("line %d names no test: %s", i+1, line)
		}
		for _, m := range found {
			folder, test := m[1], m[2]
			if declared[folder] == nil {
				declared[folder] = testsOf(t, folder)
			}
			if !declared[folder][test] {
				t.Errorf("line %d: there is no %s in %s", i+1, test, folder)
			}
			listed[folder+"."+test] = true
		}
	}
	for _, row := range rulesAndCases() {
		if !strings.Contains(string(table), "\n| "+row+" ") {
			t.Errorf("no row for %s", row)
		}
	}
	if len(listed) < 100 {
		t.Errorf("only %d tests are listed", len(listed))
	}
	for test := range declared["api"] {
		if strings.HasPrefix(test, "TestContract") && !listed["api."+test] {
			t.Errorf("%s is in no table", test)
		}
	}
}

// rulesAndCases returns how the rows of the rules of queues, and of the cases that
// broke other queues, begin.
func rulesAndCases() (rows []string) {
	for n := range 25 {
		rows = append(rows, fmt.Sprint("G", n+1))
	}
	for _, n := range []int{1, 3, 5, 6, 8, 9, 10, 11, 13, 15, 16, 17, 20, 22, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33} {
		rows = append(rows, fmt.Sprint("case ", n))
	}
	return rows
}

// TestKindsOfFailure checks that each test in the table of docs/guarantees.md
// exists where it says.
func TestKindsOfFailure(t *testing.T) {
	page, err := os.ReadFile("../../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## Kinds of failure\n")
	table, _, _ := strings.Cut(rest, "\n## ")
	named := regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)`")
	rows := 0
	for line := range strings.Lines(table) {
		found := named.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			continue
		}
		rows++
		for _, m := range found {
			if !testsOf(t, m[1])[m[2]] {
				t.Errorf("there is no %s in %s", m[2], m[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows", rows)
	}
}

// testsOf returns the tests and fuzz targets declared in a directory of the
// repository.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
	tests := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declaration.FindAllSubmatch(source, -1) {
			tests[string(m[1])] = true
		}
	}
	return tests
}
