package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Restoring has the parameters of Restore.
type Restoring struct {
	FS   vfs.FS
	From string // the backup
	To   string // the data directory; it must be empty or absent
	// Archives have log files that were finished after the backup. Each is an
	// archive directory, or the log directory of a data directory that crashed.
	Archives []string
	Until    Until
	// BootID and Mount are as in recovery.Options, for To.
	BootID, Mount string
}

// Restored describes a finished restore.
type Restored struct {
	Backup time.Time // time of the backup
	EndLSN wal.LSN   // end of the log
	Last   time.Time // time of the last write in the log; zero if it has none
	Files  int       // number of files written
	Bytes  int64     // size of the backup
}

// Restore makes a data directory from a backup. It verifies the whole backup
// before it writes anything. The manifest marks the directory as unfinished, so
// that no server uses it, until everything is durable. After an error Restore
// removes what it has written, as far as possible.
//
// From its end on, the new directory has a history of its own: it must not
// share an archive with the directory that was backed up.
func Restore(ctx context.Context, o Restoring) (*Restored, error) {
	r := &restore{Restoring: o}
	if err := r.run(ctx); err != nil {
		return nil, fmt.Errorf("restore to %s: %w", o.To, err)
	}
	return &r.out, nil
}

type restore struct {
	Restoring
	desc *Description
	plan logPlan
	out  Restored
}

func (r *restore) run(ctx context.Context) (err error) {
	if r.desc, err = Read(r.FS, r.From); err != nil {
		return err
	}
	if err := r.checkUntil(); err != nil {
		return err
	}
	if err := verify(ctx, r.FS, r.From, r.desc); err != nil {
		return err
	}
	if r.plan, err = planLogs(ctx, r.FS, r.From, r.desc, r.Archives, r.Until); err != nil {
		return err
	}
	if err := requireEmpty(r.FS, r.To); err != nil {
		return err
	}
	lock, err := recovery.Lock(r.FS, r.To)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := requireEmpty(r.FS, r.To); err != nil { // another process may have filled it before we had the lock
		return err
	}
	m, err := r.build(ctx)
	if err != nil {
		r.undo()
		return err
	}
	// Twice, so that both manifests are finished ones: if one is damaged, recovery
	// uses the other.
	for range 2 {
		if err := manifest.Write(r.FS, r.To, m); err != nil {
			return err
		}
	}
	return nil
}

// through returns the earliest end that the backup allows.
func (r *restore) through() wal.LSN {
	c := r.desc.Checkpoint
	switch {
	case c == nil:
		return 0
	case c.Through == 0: // unknown
		return r.desc.EndLSN
	}
	return max(wal.LSN(c.Through), wal.LSN(c.Start))
}

// taken returns a time, in Unix ms, up to which all writes are restored,
// whatever Until is.
func (r *restore) taken() int64 {
	switch c := r.desc.Checkpoint; {
	case c == nil:
		return 0
	case c.Time == 0: // unknown
		return r.desc.Time.UnixMilli()
	default:
		return c.Time
	}
}

func (r *restore) tooEarly() error {
	return fmt.Errorf("the backup has all writes up to %v and lsn %d, and cannot be restored to %v: take an earlier backup",
		Until{Time: r.taken()}, r.through(), r.Until)
}

// checkUntil refuses what is known to be impossible, before anything is read.
func (r *restore) checkUntil() error {
	if r.Until.LSN != 0 && r.Until.LSN < r.through() || r.Until.Time != 0 && r.Until.Time < r.taken() {
		return r.tooEarly()
	}
	return nil
}

// build writes all files and returns the manifest that completes the data
// directory.
func (r *restore) build(ctx context.Context) (*manifest.Manifest, error) {
	if err := manifest.Write(r.FS, r.To, &manifest.Manifest{LogID: r.desc.LogID, Unfinished: true}); err != nil {
		return nil, err
	}
	logs := path.Join(r.To, manifest.LogDir)
	for _, dir := range directories(r.To) {
		if err := r.FS.MkdirAll(dir); err != nil {
			return nil, err
		}
	}
	for _, f := range r.desc.Files[:len(r.desc.Files)-len(r.desc.logs())] {
		if err := r.copy(ctx, f); err != nil {
			return nil, err
		}
	}
	if err := r.plan.makeLog(ctx, r.FS, logs); err != nil {
		return nil, err
	}
	end, err := r.findEnd()
	if err != nil {
		return nil, err
	}
	newest, err := r.plan.cut(ctx, r.FS, logs, end)
	if err != nil {
		return nil, err
	}
	for _, dir := range directories(r.To) {
		if err := r.FS.SyncDir(dir); err != nil {
			return nil, err
		}
	}
	r.out.Backup, r.out.EndLSN, r.out.Bytes = r.desc.Time, end, r.desc.Bytes()
	r.out.Files = len(r.desc.Files) - len(r.desc.logs()) + len(r.plan)
	m := r.manifest(end)
	// Everything that was copied was durable, so this is like a clean shutdown,
	// unless the backup is of a directory that crashed.
	m.NewestFile, m.CleanShutdown = newest, true
	if end == r.desc.EndLSN {
		m.BootID, m.CleanShutdown = r.desc.BootID, r.desc.CleanShutdown
		if m.BootID == r.BootID { // everything was written during this boot
			m.Mount = r.Mount
		}
	}
	return m, nil
}

// manifest returns the manifest of a directory whose log ends at end.
func (r *restore) manifest(end wal.LSN) *manifest.Manifest {
	return &manifest.Manifest{
		LogID: r.desc.LogID, EndLSN: uint64(end), Checkpoint: r.desc.Checkpoint, Previous: r.desc.Checkpoint,
	}
}

// copy copies one file of the backup and verifies it again.
func (r *restore) copy(ctx context.Context, f File) error {
	in, err := r.FS.OpenRead(path.Join(r.From, f.Name))
	if err != nil {
		return err
	}
	defer in.Close()
	name := path.Join(r.To, f.Name)
	sum, err := writeFile(ctx, r.FS, name, io.NewSectionReader(in, 0, f.Size), f.Size, f.Size)
	if err == nil && sum != f.Sum {
		err = fmt.Errorf("its checksum is %016x instead of %016x", uint64(sum), uint64(f.Sum))
	}
	if err != nil {
		return fmt.Errorf("copying %s: %w", f.Name, err)
	}
	return nil
}

// findEnd reads the log that was written and returns the position at which it
// must end. Damage after that position is ignored.
func (r *restore) findEnd() (wal.LSN, error) {
	if len(r.plan) == 0 {
		return 0, nil
	}
	m := r.manifest(r.desc.EndLSN)
	o := m.LogOptions(wal.Options{FS: r.FS, ReadOnly: true}, r.To, m.Checkpoint)
	o.Synced = max(o.Synced, r.plan.end())
	replay, err := wal.Inspect(o)
	if err != nil {
		return 0, err
	}
	var cut wal.LSN // position of the first frame that is left out,
	var found bool  // if there is one
	end, err := replay.Salvage(func(f wal.Frame) error {
		if !found && r.Until.excludes(f) {
			found, cut = true, f.LSN
		}
		if ms, ok := entry.Time(f.Type, f.Payload); ok && !found {
			r.out.Last = time.UnixMilli(ms).UTC()
		}
		return nil
	}, func(d *wal.CorruptionError) error {
		if !found && r.Until.LSN != 0 && d.LSN >= r.Until.LSN {
			found, cut = true, d.LSN
		}
		if found {
			return nil
		}
		return d
	})
	switch {
	case err != nil:
		return 0, err
	case found && cut < r.through():
		return 0, r.tooEarly()
	case found:
		return cut, nil
	case end < r.Until.LSN:
		return 0, fmt.Errorf("the available log ends at lsn %d, before lsn %d", end, r.Until.LSN)
	}
	return end, nil
}

// undo removes what was written. It removes the manifest, which marks the
// directory as unfinished, last; if a file cannot be removed, the manifest
// stays.
func (r *restore) undo() {
	for _, dir := range directories(r.To) {
		names, err := r.FS.List(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		for _, name := range names {
			if r.FS.Remove(path.Join(dir, name)) != nil {
				return
			}
		}
		if err == nil && r.FS.SyncDir(dir) != nil {
			return
		}
	}
	for _, name := range []string{manifest.PrevName, manifest.Name} {
		if err := r.FS.Remove(path.Join(r.To, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	_ = r.FS.Remove(path.Join(r.To, manifest.TempName)) // no manifest refers to it
}

func directories(dir string) []string {
	return []string{path.Join(dir, manifest.LogDir), path.Join(dir, manifest.SegmentDir), path.Join(dir, manifest.SnapshotDir)}
}
