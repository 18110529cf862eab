package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files moved out of the data directory must not end up in the directory they
// came from.
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
	for dir, how := range map[string]string{ // empty if allowed
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
		"data/quarantine":                   "is",
		"data/repair/cold":                  "lies in",
		"data//segments/":                   "is",
		filepath.Join(data, "checkpoints"):  "is",
		"link/checkpoints":                  "is",
		"also-segments":                     "is",
		"data/wal/archive":                  "lies in",
		"also-segments/deep/er":             "lies in",
		filepath.Join(data, "segments/old"): "lies in",
	} {
		for _, name := range []string{"TOPICS_COLD_DIR", "TOPICS_ARCHIVE_DIR"} {
			_, err := Load([]string{"TOPICS_DATA_DIR=data", name + "=" + dir}, large)
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
	_, err := Load([]string{"TOPICS_COLD_DIR=there", "TOPICS_ARCHIVE_DIR=./there/"}, large)
	if err == nil || err.Error() != "TOPICS_ARCHIVE_DIR: must not be the same directory as TOPICS_COLD_DIR" {
		t.Errorf("one directory for both: %v", err)
	}
	for archive, how := range map[string]string{"there/archive": "lies in", "over": "holds", "there-archive": ""} {
		_, err := Load([]string{"TOPICS_COLD_DIR=over/there", "TOPICS_ARCHIVE_DIR=" + strings.Replace(archive, "there", "over/there", 1)}, large)
		if how == "" && err == nil {
			continue
		}
		if err == nil || how == "" || !strings.Contains(err.Error(), `" `+how+` "over/there", which is TOPICS_COLD_DIR`) {
			t.Errorf("the archive at %s: %v", archive, err)
		}
	}
}

// A bind mount gives a directory another path without a symbolic link.
func TestMeetingOfMounts(t *testing.T) {
	base := t.TempDir()
	mounts := map[string]string{filepath.Join(base, "mount"): filepath.Join(base, "data", "segments")}
	same := func(a, b string) bool {
		for mount, at := range mounts {
			a, b = strings.Replace(a, mount, at, 1), strings.Replace(b, mount, at, 1)
		}
		return a == b
	}
	for other, want := range map[string]string{"mount": is, "mount/deep/er": liesIn, "data": holds, "mounts": isApart} {
		if got := meeting(filepath.Join(base, other), filepath.Join(base, "data", "segments"), same); got != want {
			t.Errorf("%s: %q, want %q", other, got, want)
		}
	}
	if got := meeting(filepath.Join(base, "data", "segments", "cold"), filepath.Join(base, "mount"), same); got != liesIn {
		t.Errorf("the other way round: %q", got)
	}
	// Existing directories are compared by identity.
	a := filepath.Join(base, "a")
	if err := errors.Join(os.Mkdir(a, 0o700), os.Symlink(a, filepath.Join(base, "b"))); err != nil {
		t.Fatal(err)
	}
	if !sameDir(a, filepath.Join(base, "b")) || sameDir(a, base) || sameDir(a, filepath.Join(base, "none")) || sameDir(filepath.Join(base, "none"), a) {
		t.Error("directories are not compared by device and inode")
	}
}
