package main

import "testing"

func TestBuildAsText(t *testing.T) {
	for want, b := range map[string]build{
		"topics 1.2.3 go1 os/arch":                                       {Version: "1.2.3", Go: "go1", OS: "os", Arch: "arch"},
		"topics 1.2.3 (0123456789ab, 2026-11-30T00:00:00Z) go1 os/arch":  {Version: "1.2.3", Commit: "0123456789abcdef", Date: "2026-11-30T00:00:00Z", Go: "go1", OS: "os", Arch: "arch"},
		"topics 1.2.3 (abc, modified, 2026-11-30T00:00:00Z) go1 os/arch": {Version: "1.2.3", Commit: "abc", Date: "2026-11-30T00:00:00Z", Dirty: true, Go: "go1", OS: "os", Arch: "arch"},
	} {
		if got := b.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
