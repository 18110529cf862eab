package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Names in a data directory and in what the tools make of one.
const (
	QuarantineDir = "quarantine" // copies of damaged files; each repair has a directory of its own in it
	ScratchDir    = "repair"     // the scratch log of a repair
	BackupName    = "BACKUP"     // the description of a backup
)

// Kind is the kind of a directory.
type Kind int

// The kinds of directories.
const (
	Empty      Kind = iota // no files, or only those that a killed first start leaves
	Data                   // a data directory, whole or damaged
	Unfinished             // a data directory that an interrupted restore left
	Backup
	Archive    // log files
	Cold       // the data of segments
	Quarantine // what a repair copied
	Foreign    // files of other programs
)

// Directory is a directory and its kind.
type Directory struct {
	Path string
	Kind Kind
	File string // a file in it that shows the kind; empty if Kind is Empty
}

// Examine determines the kind of dir. It lists directories, reads the manifest,
// and changes nothing. A directory that does not exist is Empty. Files and
// directories in dir that the configuration names, such as a cold directory,
// are passed in named and ignored.
func Examine(fsys vfs.FS, dir string, named ...string) (*Directory, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Directory{Path: dir}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range named {
		if rest, inside := strings.CutPrefix(path.Clean(name), path.Clean(dir)+"/"); inside {
			base, _, _ := strings.Cut(rest, "/")
			names = slices.DeleteFunc(names, func(other string) bool { return other == base })
		}
	}
	x := examination{fsys: fsys, dir: dir, names: names}
	return x.run()
}

type examination struct {
	fsys    vfs.FS
	dir     string
	names   []string
	ours    string // a file of a data directory, but for a mf
	foreign string // a file of another program
}

func (x *examination) run() (*Directory, error) {
	for _, name := range x.names {
		if err := x.look(name); err != nil {
			return nil, err
		}
	}
	d := &Directory{Path: x.dir}
	flat := x.first(isStored)
	mf := x.first(func(name string) bool { return name == manifest.Name || name == manifest.PrevName })
	switch {
	case mf != "" && flat != "":
		d.Kind, d.File = Quarantine, flat
	case mf+flat != "" && x.ours == "" && x.inQuarantine():
		d.Kind, d.File = Quarantine, mf+flat
	case mf != "":
		d.Kind, d.File = Data, mf
		m, err := manifest.Read(x.fsys, x.dir)
		readable := err == nil || errors.As(err, new(*manifest.CorruptionError)) || errors.As(err, new(*manifest.VersionError))
		if !readable {
			return nil, err
		}
		if m != nil && m.Unfinished {
			d.Kind = Unfinished
		}
	case slices.Contains(x.names, BackupName):
		d.Kind, d.File = Backup, BackupName
	case x.ours != "":
		d.Kind, d.File = Data, x.ours
	case slices.Contains(x.names, manifest.OwnerName):
		d.Kind, d.File = Cold, manifest.OwnerName
	case strings.HasSuffix(flat, ".wal"):
		d.Kind, d.File = Archive, flat
	case flat != "":
		d.Kind, d.File = Cold, flat
	case len(x.names) > 0 && !slices.ContainsFunc(x.names, func(name string) bool { return !isNumber(name) }):
		d.Kind, d.File = Quarantine, x.names[0]
	case x.foreign != "":
		d.Kind, d.File = Foreign, x.foreign
	}
	return d, nil
}

// inQuarantine reports whether the directory has the path that a repair gives to
// a directory of copies.
func (x *examination) inQuarantine() bool {
	dir := path.Clean(x.dir)
	return path.Base(path.Dir(dir)) == QuarantineDir && isNumber(path.Base(dir))
}

func (x *examination) first(is func(string) bool) string {
	if i := slices.IndexFunc(x.names, is); i >= 0 {
		return x.names[i]
	}
	return ""
}

// look records one name as ours or foreign. Files that a killed first start
// leaves are neither, and nor is an empty directory of ours.
func (x *examination) look(name string) error {
	switch {
	case strings.HasPrefix(name, manifest.ReservePrefix),
		slices.Contains([]string{LockName, manifest.TempName, manifest.Name, manifest.PrevName}, name):
		return nil
	case !slices.Contains([]string{manifest.LogDir, manifest.SegmentDir, manifest.SnapshotDir, QuarantineDir, ScratchDir}, name):
		if x.foreign == "" {
			x.foreign = name
		}
		return nil
	}
	inside, err := x.fsys.List(path.Join(x.dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // a file of that name
		x.foreign = name
		return nil
	case err != nil:
		return fmt.Errorf("list %s: %w", path.Join(x.dir, name), err)
	}
	for _, base := range inside {
		if name == QuarantineDir || isStored(base) {
			x.ours = path.Join(name, base)
			return nil
		}
	}
	if len(inside) > 0 && name != ScratchDir && x.foreign == "" {
		x.foreign = path.Join(name, inside[0])
	}
	return nil
}

// isStored reports whether a file with that name can be part of the log, a
// segment or a snapshot.
func isStored(base string) bool {
	_, log := wal.ParseName(base)
	_, _, seg := segment.ParseName(base)
	_, snapshot := manifest.ParseSnapshot(base)
	return log || seg || snapshot
}

func isNumber(name string) bool {
	_, err := strconv.ParseUint(name, 10, 64)
	return err == nil
}

// Require returns a *KindError unless the directory is of one of the kinds.
func (d *Directory) Require(kinds ...Kind) error {
	if slices.Contains(kinds, d.Kind) {
		return nil
	}
	return &KindError{Directory: *d, Want: kinds[0]}
}

// KindError is the error of a directory that is not of the kind that a command
// works on.
type KindError struct {
	Directory
	Want Kind
}

func (e *KindError) Error() string {
	what, advice := e.describe()
	switch {
	case e.Kind == Empty:
		return fmt.Sprintf("%s %s", e.Path, what)
	case e.Want == Empty:
		return fmt.Sprintf("%s is not empty: it %s; name an empty directory", e.Path, what)
	}
	return fmt.Sprintf("%s %s: %s", e.Path, what, advice)
}

// describe returns what the directory is, and which command to use for it.
func (e *KindError) describe() (what, advice string) {
	switch e.Kind {
	case Empty:
		return "has no data: it is empty or does not exist", ""
	case Data:
		return fmt.Sprintf("is a data directory (it has %s)", e.File), "topics verify checks it, and topics backup --dir copies it"
	case Unfinished:
		return "is what a restore that was cut off left", "remove it and restore again"
	case Backup:
		return "is a backup", fmt.Sprintf("topics restore --from %s --to DIR makes a data directory of it, and topics verify checks it", e.Path)
	case Archive:
		return fmt.Sprintf("has only log files, such as %s", e.File), "it is an archive, which topics restore --archive takes, or a part of a data directory"
	case Cold:
		return fmt.Sprintf("has only segments (it has %s)", e.File), "it is a cold directory, which TOPICS_COLD_DIR and --cold name, or a part of a data directory"
	case Quarantine:
		return fmt.Sprintf("is the quarantine of a repair (it has %s)", e.File), "name the data directory that it belongs to"
	}
	return fmt.Sprintf("has files that do not belong to topics, such as %s", e.File), "name an empty directory, or move them away"
}

// NoDataError is the error of a directory that must have data and has none.
type NoDataError struct{ Dir string }

func (e *NoDataError) Error() string {
	return "data directory " + e.Dir + " has no data, and TOPICS_REQUIRE_EXISTING says that it must: " +
		"see that its disk is mounted; for the first start, unset the variable"
}
