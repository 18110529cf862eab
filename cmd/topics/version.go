package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// version is the release this source becomes.
const version = "0.1.0"

// versionCmd prints what this binary is.
type versionCmd struct{}

// Run prints one line.
func (versionCmd) Run() error {
	_, err := fmt.Fprintf(os.Stdout, "topics %s%s %s %s/%s\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// revision is the source revision the build recorded, if it did.
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
