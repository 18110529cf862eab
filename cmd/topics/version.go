package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// version is the release that this source becomes.
const version = "0.1.0"

// versionCmd prints the version of this binary.
type versionCmd struct{}

// Run prints one line.
func (versionCmd) Run() error {
	_, err := fmt.Fprintf(os.Stdout, "topics %s%s %s %s/%s\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// revision returns the source revision recorded by the build, if any.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " (" + s.Value[:12] + ")"
		}
	}
	return ""
}
