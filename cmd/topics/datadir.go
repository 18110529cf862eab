package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/e6e95bb8/topics/cmd/topics/metered"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/inspect"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// dataDir is the data directory that an offline tool works on.
type dataDir struct {
	Place   string `arg:"" optional:"" name:"dir" help:"Data directory; the same as --dir."`
	Dir     string `placeholder:"DIR" help:"Data directory (default: $TOPICS_DATA_DIR)."`
	ColdDir string `placeholder:"DIR" aliases:"cold" help:"Cold directory of the data directory, if it has one (default: $TOPICS_COLD_DIR)."`

	disk *metered.FS // counts what is read and written
}

// path returns the directory that is meant.
func (d *dataDir) path() (string, error) {
	switch {
	case d.Place != "" && d.Dir != "":
		return "", unreadable{errors.New("a directory is named twice: leave out --dir or the argument")}
	case d.Place != "":
		return d.Place, nil
	case d.Dir != "":
		return d.Dir, nil
	case os.Getenv("TOPICS_DATA_DIR") != "":
		return os.Getenv("TOPICS_DATA_DIR"), nil
	}
	return "", unreadable{remote.Advised(errors.New("which data directory?"), "Name it with --dir DIR or TOPICS_DATA_DIR; a server without settings uses topics-data in the directory where it was started.")}
}

func (d *dataDir) open() (inspect.Dir, error) {
	path, err := d.path()
	if err != nil {
		return inspect.Dir{}, err
	}
	if _, err := os.Stat(path); err != nil {
		return inspect.Dir{}, unreadable{remote.Advised(err, "topics config shows TOPICS_DATA_DIR, the directory that a server uses.")}
	}
	cold := d.ColdDir
	if cold == "" {
		cold = os.Getenv("TOPICS_COLD_DIR")
	}
	d.disk = metered.New(vfs.OS())
	boot, mount := identity(path)
	return inspect.Dir{FS: d.disk, Path: path, Cold: cold, BootID: boot, Mount: mount}, nil
}

// identity returns what the server uses to distinguish a kill from a power cut.
// An identity that cannot be read is empty, which counts as a power cut.
func identity(dir string) (boot, mount string) {
	boot, _ = recovery.BootID(recovery.BootIDFile)
	mount, _ = recovery.Mount(dir)
	return boot, mount
}

// sizeOf returns the bytes of the files below dir. It is an estimate for a
// progress bar: what cannot be read does not count.
func sizeOf(dir string) (sum metered.Total) {
	if dir == "" {
		return 0
	}
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			sum += metered.Total(info.Size())
		}
		return nil
	})
	return sum
}

// unreadable is an error that prevented a tool from doing its work, as opposed
// to faults that it found.
type unreadable struct{ error }

func (e unreadable) Unwrap() error { return e.error }
func (e unreadable) ExitCode() int { return usageError }
