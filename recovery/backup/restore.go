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
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Restoring says what to make a data directory of.
type Restoring struct {
	FS   vfs.FS
	From string // the backup
	To   string // the data directory: empty, or not there
	// Archives have log files that were finished after the backup: archive
	// directories, or the log's directory in a data directory that crashed.
	Archives []string
	Until    Until
	// BootID and Mount are those of recovery.Options for To.
	BootID, Mount string
}

// Restored is the account of a restore.
type Restored struct {
	Backup time.Time // when it was made
	EndLSN wal.LSN   // the end of the log
	Last   time.Time // of the last write in the log; zero: there is none
	Files  int       // made
	Bytes  int64     // of the backup
}

// Restore makes a data directory of a backup. All of the backup is verified
// before anything is written. The manifest names the directory unfinished
// until all of it is durable: before that no server takes it. After an error
// what was written is removed as far as it can be.
//
// The directory begins another history from its end on: it must not share an
// archive with the one that the backup was made of.
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
	if err := requireEmpty(r.FS, r.To); err != nil { // another process may have filled it until now
		return err
	}
	m, err := r.build(ctx)
	if err != nil {
		r.undo()
		return err
	}
	// Twice: so that a damaged manifest does not bring back the unfinished one.
	for range 2 {
		if err := recovery.WriteManifest(r.FS, r.To, m); err != nil {
			return err
		}
	}
	return nil
}

// through is the earliest end that the backup allows.
func (r *restore) through() wal.LSN {
	c := r.desc.Checkpoint
	switch {
	case c == nil:
		return 0
	case c.Through == 0: // not known
		return r.desc.EndLSN
	}
	return max(wal.LSN(c.Through), wal.LSN(c.Start))
}

// taken is a moment up to which no write is left out, whatever Until says.
func (r *restore) taken() int64 {
	switch c := r.desc.Checkpoint; {
	case c == nil:
		return 0
	case c.Time == 0: // not known
		return r.desc.Time.UnixMilli()
	default:
		return c.Time
	}
}

func (r *restore) tooEarly() error {
	return fmt.Errorf("the backup has all writes up to %v and lsn %d, and cannot be taken back to %v: take an earlier backup",
		Until{Time: r.taken()}, r.through(), r.Until)
}

// checkUntil refuses what is known not to be possible before anything is read.
func (r *restore) checkUntil() error {
	if r.Until.LSN != 0 && r.Until.LSN < r.through() || r.Until.Time != 0 && r.Until.Time < r.taken() {
		return r.tooEarly()
	}
	return nil
}

// build writes all files and returns the manifest that makes them a data
// directory.
func (r *restore) build(ctx context.Context) (*recovery.Manifest, error) {
	if err := recovery.WriteManifest(r.FS, r.To, &recovery.Manifest{LogID: r.desc.LogID, Unfinished: true}); err != nil {
		return nil, err
	}
	logs := path.Join(r.To, recovery.LogDir)
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
	// What the directory is made of was durable, all of it: there was no crash
	// before it, unless it is the copy of one that crashed.
	m.NewestFile, m.CleanShutdown = newest, true
	if end == r.desc.EndLSN {
		m.BootID, m.CleanShutdown = r.desc.BootID, r.desc.CleanShutdown
		if m.BootID == r.BootID { // this boot wrote all of it
			m.Mount = r.Mount
		}
	}
	return m, nil
}

// manifest is that of the directory when the log ends there.
func (r *restore) manifest(end wal.LSN) *recovery.Manifest {
	return &recovery.Manifest{
		LogID: r.desc.LogID, EndLSN: uint64(end), Checkpoint: r.desc.Checkpoint, Previous: r.desc.Checkpoint,
	}
}

// copy copies one verified file of the backup.
func (r *restore) copy(ctx context.Context, f File) error {
	in, err := r.FS.OpenRead(path.Join(r.From, f.Name))
	if err != nil {
		return err
	}
	defer in.Close()
	name := path.Join(r.To, f.Name)
	sum, err := writeFile(ctx, r.FS, name, io.NewSectionReader(in, 0, f.Size), f.Size, f.Size)
	if err == nil && sum != f.Sum {
		err = fmt.Errorf("its checksum is %016x, and was %016x", uint64(sum), uint64(f.Sum))
	}
	if err != nil {
		return fmt.Errorf("copying %s: %w", f.Name, err)
	}
	return nil
}

// findEnd reads the log that was written, and finds where it is to end.
// Damage behind that does no harm.
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
	var cut wal.LSN // where the first frame that is left out stands,
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
		return 0, fmt.Errorf("what there is of the log ends at lsn %d, before lsn %d", end, r.Until.LSN)
	}
	return end, nil
}

// undo removes what there is. The manifest, which says that it is unfinished,
// goes last; what cannot be removed stays under it.
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
	for _, name := range []string{recovery.PrevManifestName, recovery.ManifestName} {
		if err := r.FS.Remove(path.Join(r.To, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	_ = r.FS.Remove(path.Join(r.To, recovery.TempManifestName)) // it names nothing
}

func directories(dir string) []string {
	return []string{path.Join(dir, recovery.LogDir), path.Join(dir, recovery.SegmentDir), path.Join(dir, recovery.StateDir)}
}
