package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is the release that this source becomes.
const version = "0.1.0"

// What the source was, set by the linker. If empty, they are what the Go command
// has recorded, if anything.
var (
	commit string // full hash
	date   string // of the commit, RFC 3339
)

// build is what this binary was made from.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"`
	Dirty   bool   `json:"modified,omitempty"` // the source was changed since the commit
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisBuild returns what this binary was made from.
func thisBuild() build {
	b := build{Version: version, Commit: commit, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok || b.Commit != "" {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
	return b
}

// String returns a line for people.
func (b build) String() string {
	words := []string{"topics", b.Version}
	if b.Commit != "" {
		of := b.Commit[:min(len(b.Commit), 12)]
		if b.Dirty {
			of += ", modified"
		}
		if b.Date != "" {
			of += ", " + b.Date
		}
		words = append(words, "("+of+")")
	}
	return strings.Join(append(words, b.Go, b.OS+"/"+b.Arch), " ")
}

// versionCmd prints the version of this binary.
type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help is printed below the flags.
func (versionCmd) Help() string { return "Examples:\n  topics version\n  topics version --json" }

// Run prints one line.
func (c *versionCmd) Run() error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(thisBuild())
	}
	_, err := fmt.Println(thisBuild())
	return err
}
