package main

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// count is a number of things that test the program.
type count struct {
	what string
	n    int
}

// What the files are counted by.
var (
	testFunc    = regexp.MustCompile(`(?m)^func Test[A-Z0-9]\w*\(t \*testing\.T\)`)
	fuzzFunc    = regexp.MustCompile(`(?m)^func Fuzz[A-Z0-9]\w*\(f \*testing\.F\)`)
	contractRow = regexp.MustCompile("(?m)^\\| .*`[a-z0-9/]+\\.(Test|Fuzz)")
	command     = regexp.MustCompile(`(?m)^    \$ `)
	crashSeeds  = regexp.MustCompile(`(?m)^step make crash CRASH_SEEDS=(\d+)`)
	fuzzRuns    = regexp.MustCompile(`(?m)^step make fuzz FUZZTIME=(\d+)x`)
	damages     = regexp.MustCompile(`(?m)^step bin/topics drill damage --tries (\d+)`)
)

// pages are the directories and files of docs whose sessions tests run.
var pages = []string{"README.md", "docs/drills.md", "docs/tutorial.md", "docs/howto"}

// tally counts in the files of the repository.
func tally(repository fs.FS) ([]count, error) {
	var tests, fuzzed, commands int
	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		switch {
		case strings.HasSuffix(name, "_test.go"):
			text, err := fs.ReadFile(repository, name)
			if err != nil {
				return err
			}
			tests += len(testFunc.FindAll(text, -1))
			fuzzed += len(fuzzFunc.FindAll(text, -1))
		case path.Ext(name) == ".md" && hasSessions(name):
			text, err := fs.ReadFile(repository, name)
			if err != nil {
				return err
			}
			commands += len(command.FindAll(text, -1))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	contract, err := fs.ReadFile(repository, "docs/contract-tests.md")
	if err != nil {
		return nil, err
	}
	counts := []count{
		{"tests", tests},
		{"fuzz targets", fuzzed},
		{"sentences of the contract, each with its tests", len(contractRow.FindAll(contract, -1))},
		{"commands in the documentation that tests run", commands},
	}
	ci, err := fs.ReadFile(repository, ".ci/run")
	if err != nil {
		return nil, err
	}
	for _, setting := range []struct {
		what    string
		pattern *regexp.Regexp
	}{
		{"seeds of each crash simulation in CI", crashSeeds},
		{"runs of each fuzz target in CI", fuzzRuns},
		{"directories damaged at random in CI", damages},
	} {
		found := setting.pattern.FindSubmatch(ci)
		if found == nil {
			return nil, fmt.Errorf(".ci/run has no line that matches %s", setting.pattern)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return nil, err
		}
		counts = append(counts, count{setting.what, n})
	}
	return counts, nil
}

// hasSessions reports whether the page has commands that a test runs.
func hasSessions(name string) bool {
	for _, p := range pages {
		if name == p || strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	return false
}
