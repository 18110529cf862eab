package config

import (
	"fmt"
	"os"
	"runtime"
)

// hasModes reports whether the mode of a file shows who may read it. On Windows it is
// made up: a list of who may is elsewhere.
const hasModes = runtime.GOOS != "windows"

// Exposed returns a warning for each file with a secret and each directory with
// data that every user of the machine can read. It ignores files that do not
// exist.
func (c *Config) Exposed() (warnings []string) {
	for _, f := range []struct {
		setting, name string
		bits          os.FileMode
	}{
		{"API_KEYS_FILE", c.APIKeysFile, 0o004},
		{"TLS_KEY_FILE", c.TLSKeyFile, 0o004},
		{"DATA_DIR", c.DataDir, 0o005},
		{"COLD_DIR", c.ColdDir, 0o005},
		{"ARCHIVE_DIR", c.ArchiveDir, 0o005},
	} {
		if f.name == "" {
			continue
		}
		if info, err := os.Stat(f.name); err == nil && hasModes && info.Mode()&f.bits != 0 {
			warnings = append(warnings, fmt.Sprintf("%s: every user of this machine can read %s (mode %04o); run chmod o-rwx",
				prefix+f.setting, f.name, info.Mode().Perm()))
		}
	}
	return warnings
}
