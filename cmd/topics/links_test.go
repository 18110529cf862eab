package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// link is a link in a page of Markdown, to a file or to a section.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks holds that every link between pages leads to a file that is there,
// and to a section that it has.
func TestLinks(t *testing.T) {
	links := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		for _, found := range link.FindAllStringSubmatch(prose(t, path), -1) {
			if strings.Contains(found[1], "://") || strings.HasPrefix(found[1], "mailto:") {
				continue
			}
			links++
			checkLink(t, path, found[1])
		}
		return nil
	})
	if err != nil || links < 100 {
		t.Errorf("%d links: %v", links, err)
	}
}

func checkLink(t *testing.T, page, to string) {
	t.Helper()
	file, section, _ := strings.Cut(to, "#")
	target := page
	if file != "" {
		target = filepath.Join(filepath.Dir(page), file)
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: %s: %v", page, to, err)
		return
	}
	if section != "" && !sections(prose(t, target))[section] {
		t.Errorf("%s: %s: there is no such section", page, to)
	}
}

// prose returns a page without the lines that are code.
func prose(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fenced := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if !fenced && !strings.HasPrefix(line, "    ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// dropped is what a heading's anchor has not of its text.
var dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// sections returns the anchors of the headings of a page.
func sections(page string) map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(page) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		anchor := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
		anchors[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return anchors
}
