package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

const (
	keptPrefix = "backup-"
	keptTime   = "20060102T150405.000Z"
	// KeptLock is the file by which backups into one directory exclude each other.
	KeptLock = ".topics-backups.lock"
)

// Keeping has the parameters of Keep.
type Keeping struct {
	FS      vfs.FS
	Into    string // directory of the backups
	Keep    int    // how many good ones to keep, at least 1
	Archive string // its log files that no kept backup needs are removed; may be empty
	Now     func() time.Time
	// RemoveDir removes an empty directory, which no vfs.FS does.
	RemoveDir func(name string) error
}

// Kept is what Keep did.
type Kept struct {
	Dir          string // of the new backup
	Description  *Description
	Backups      int      // good ones, the new one included
	Removed      []string // directories of backups
	ArchiveFiles int      // log files removed from the archive
	Ignored      []string // damaged backups, and those of other logs, which are left alone
}

// Keep makes a backup in a directory of its own and then removes what has become
// too old. Nothing is removed before the new backup is durable and all of its
// checksums have been read back, so a crash at any moment leaves a good one. A
// directory that a crash left incomplete is removed by the next run. Runs that
// overlap exclude each other: the later one fails.
func Keep(ctx context.Context, k Keeping, take func(ctx context.Context, dir string) (*Description, error)) (*Kept, error) {
	if k.Keep < 1 {
		return nil, fmt.Errorf("the number of backups to keep is %d, and must be at least 1", k.Keep)
	}
	if err := k.FS.MkdirAll(k.Into); err != nil {
		return nil, fmt.Errorf("directory %s: %w", k.Into, err)
	}
	lock, err := k.FS.Lock(path.Join(k.Into, KeptLock), strconv.Itoa(os.Getpid()))
	if held := new(vfs.LockedError); errors.As(err, &held) {
		return nil, fmt.Errorf("another backup into %s is under way", k.Into)
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := k.removeIncomplete(); err != nil {
		return nil, err
	}
	out := &Kept{Dir: path.Join(k.Into, keptPrefix+k.Now().UTC().Format(keptTime))}
	if out.Description, err = take(ctx, out.Dir); err != nil {
		return nil, err
	}
	if err := k.FS.SyncDir(k.Into); err != nil {
		return nil, err
	}
	if err := verify(ctx, k.FS, out.Dir, out.Description); err != nil {
		return nil, err
	}
	return out, k.retain(out)
}

// In returns the backups in a directory that Keep made, oldest first, or the
// directory itself if it is not one of those.
func In(fsys vfs.FS, dir string) (dirs []string, err error) {
	names, err := (&Keeping{FS: fsys, Into: dir}).names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		inside, err := fsys.List(path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if slices.Contains(inside, Name) {
			dirs = append(dirs, path.Join(dir, name))
		}
	}
	if dirs == nil {
		dirs = []string{dir}
	}
	return dirs, nil
}

// kept is a backup in the directory.
type kept struct {
	dir  string
	desc *Description
}

// names returns the names of backups and of what a crash left of one.
func (k *Keeping) names() (names []string, err error) {
	all, err := k.FS.List(k.Into)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", k.Into, err)
	}
	for _, name := range all {
		stamp, ok := strings.CutPrefix(name, keptPrefix)
		if _, err := time.Parse(keptTime, stamp); ok && err == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// removeIncomplete removes directories without a description.
func (k *Keeping) removeIncomplete() error {
	names, err := k.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		dir := path.Join(k.Into, name)
		inside, err := k.FS.List(dir)
		if err != nil {
			return err
		}
		if slices.Contains(inside, Name) {
			continue
		}
		if err := k.remove(dir); err != nil {
			return err
		}
	}
	return nil
}

// retain removes backups of the new one's log beyond the number to keep, oldest
// first, and the archived log files before those that the rest needs.
func (k *Keeping) retain(out *Kept) error {
	names, err := k.names()
	if err != nil {
		return err
	}
	var good []kept
	for _, name := range names {
		dir := path.Join(k.Into, name)
		d, err := Read(k.FS, dir)
		if err != nil || d.LogID != out.Description.LogID {
			out.Ignored = append(out.Ignored, dir)
			continue
		}
		good = append(good, kept{dir, d})
	}
	slices.SortStableFunc(good, func(a, b kept) int {
		switch { // the new one is the last to go, whatever the clocks say
		case a.dir == out.Dir:
			return 1
		case b.dir == out.Dir:
			return -1
		}
		return a.desc.Time.Compare(b.desc.Time)
	})
	for len(good) > k.Keep {
		if err := k.remove(good[0].dir); err != nil {
			return fmt.Errorf("removing %s: %w", good[0].dir, err)
		}
		out.Removed = append(out.Removed, good[0].dir)
		good = good[1:]
	}
	out.Backups = len(good)
	if k.Archive == "" {
		return nil
	}
	return k.pruneArchive(out, good)
}

// remove removes a backup. Without its description, which goes first, the rest
// is no backup.
func (k *Keeping) remove(dir string) error {
	if err := k.FS.Remove(path.Join(dir, Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := k.FS.SyncDir(dir); err != nil {
		return err
	}
	for _, sub := range []string{manifest.LogDir, manifest.SegmentDir, manifest.SnapshotDir, ""} {
		at := path.Join(dir, sub)
		names, err := k.FS.List(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			ours := sub != "" && stored(path.Join(sub, name)) || sub == "" && name == tempName
			if !ours {
				continue
			}
			if err := k.FS.Remove(path.Join(at, name)); err != nil {
				return err
			}
		}
		if err := k.RemoveDir(at); err != nil {
			return err
		}
	}
	return nil
}

// pruneArchive removes the log files that are older than the first one of every
// backup. The archive of another log is left alone.
func (k *Keeping) pruneArchive(out *Kept, good []kept) error {
	oldest := uint64(1)
	for i, b := range good {
		first := uint64(1)
		if c := b.desc.Checkpoint; c != nil {
			first = c.File
		}
		if i == 0 || first < oldest {
			oldest = first
		}
	}
	names, err := k.FS.List(k.Archive)
	if err != nil {
		return fmt.Errorf("list %s: %w", k.Archive, err)
	}
	for _, name := range names {
		index, ok := wal.ParseName(name)
		if !ok || index >= oldest {
			continue
		}
		full := path.Join(k.Archive, name)
		h, ok, err := readHeader(k.FS, full)
		if err != nil || !ok || h.LogID != out.Description.LogID {
			out.Ignored = append(out.Ignored, full)
			continue
		}
		if err := k.FS.Remove(full); err != nil {
			return err
		}
		out.ArchiveFiles++
	}
	return k.FS.SyncDir(k.Archive)
}
