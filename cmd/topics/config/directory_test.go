package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What leaves the data directory must not come back into what it left.
func TestDirectoriesAreApart(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	data := filepath.Join(base, "data")
	if err := os.MkdirAll(filepath.Join(data, "segments"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"link": data, "also-segments": filepath.Join("data", "segments")} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	for dir, how := range map[string]string{ // empty: allowed
		filepath.Join(base, "cold"):         "",
		"cold":                              "",
		"data/cold":                         "",
		"data/segments-cold":                "",
		"data/segmentsold/deep":             "",
		"data/..cold":                       "",
		"data":                              "holds",
		"./data/../data/.":                  "holds",
		base:                                "holds",
		".":                                 "holds",
		"/":                                 "holds",
		"link":                              "holds",
		"data/wal":                          "is",
		"data//segments/":                   "is",
		filepath.Join(data, "checkpoints"):  "is",
		"link/checkpoints":                  "is",
		"also-segments":                     "is",
		"data/wal/archive":                  "lies in",
		"also-segments/deep/er":             "lies in",
		filepath.Join(data, "segments/old"): "lies in",
	} {
		for _, name := range []string{"TOPICS_COLD_DIR", "TOPICS_ARCHIVE_DIR"} {
			_, err := Load([]string{"TOPICS_DATA_DIR=data", name + "=" + dir})
			if how == "" {
				if err != nil {
					t.Errorf("%s: %v", dir, err)
				}
				continue
			}
			var got Problems
			if !errors.As(err, &got) || len(got) != 1 || !strings.HasPrefix(got[0], name+": ") || !strings.Contains(got[0], `" `+how+` "data/`) {
				t.Errorf("%s=%s: %q, want that it %s", name, dir, got, how)
			}
		}
	}
	_, err := Load([]string{"TOPICS_COLD_DIR=there", "TOPICS_ARCHIVE_DIR=./there/"})
	if err == nil || err.Error() != "TOPICS_ARCHIVE_DIR: must not be the same directory as TOPICS_COLD_DIR" {
		t.Errorf("one directory for both: %v", err)
	}
}
