package recovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"sync/atomic"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// The reserves: files in the data directory whose blocks are kept for what a
// server must be able to write on a disk without a free byte, so that it can
// start, delete, and give space back.
const (
	manifestReserve = "RESERVE"       // becomes MANIFEST
	previousReserve = "RESERVE.prev"  // becomes MANIFEST.prev
	stateReserve    = "RESERVE.state" // goes for the state of a checkpoint

	// reserveBytes is the usual size of each. A manifest needs a few KiB; the rest is
	// for the file system's own needs, of which xfs has the largest.
	reserveBytes = 1 << 20
	// reservePiece is what is written of it at once: where there is no room
	// for a whole one it has as many pieces as fit.
	reservePiece = 64 << 10
	// reserveCrumb is a piece of what is left when none of those fits. What is
	// not taken is lost to whoever fills the disk, at each start.
	reserveCrumb = 1 << 10
)

// reserve lays up and spends the reserves of a data directory. One goroutine
// uses it at a time; missing may be called by any.
type reserve struct {
	fsys vfs.FS
	dir  string
	size int64                 // of each
	err  atomic.Pointer[error] // of the last attempt to lay them up; a nil pointer: not tried
}

// replace makes m the directory's manifest. Where there is no other space it
// writes it into the blocks of a reserve and renames that: the blocks are
// never free in between, so that nothing else can take them. Afterwards it
// lays up what is missing. A failure of that is not an error of replace: the
// health check reports it, and the background tries again.
func (s *reserve) replace(m *Manifest) error {
	err := WriteManifest(s.fsys, s.dir, m)
	if vfs.NoSpace(err) {
		err = writeManifest(s.fsys, s.dir, m, s.spend)
	}
	if err != nil {
		return err
	}
	if s.missing() != nil {
		s.layUp()
	}
	return nil
}

// spend gives a manifest's file its content out of its reserve. A crash leaves
// the reserve with any content, which is never read, and the file whole.
func (s *reserve) spend(fsys vfs.FS, dir, base string, b []byte) error {
	s.note(errSpent)
	err := discardFile(fsys, path.Join(dir, TempManifestName)) // what was tried before has a block
	if err == nil {
		err = s.overwrite(base, b)
	}
	if err != nil && (vfs.NoSpace(err) || missing(err)) {
		// The reserve is gone, or too small, or the file system never writes
		// in place: free what there is.
		err = errors.Join(s.free(manifestReserve), s.free(previousReserve))
		if err == nil {
			err = replaceFile(fsys, dir, base, b)
		}
	}
	return err
}

func (s *reserve) overwrite(base string, b []byte) error {
	name := path.Join(s.dir, manifestReserve)
	if base == PrevManifestName {
		name = path.Join(s.dir, previousReserve)
	}
	f, err := s.fsys.Open(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Truncate(int64(len(b)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.fsys.Rename(name, path.Join(s.dir, base)); err != nil {
		return err
	}
	return s.fsys.SyncDir(s.dir)
}

// free removes a reserve for its space, which is then for anybody to take.
func (s *reserve) free(base string) error {
	s.note(errSpent)
	return discardFile(s.fsys, path.Join(s.dir, base))
}

// halve frees half of a reserve. It reports whether there was enough of it.
func (s *reserve) halve(base string) bool {
	f, err := s.fsys.Open(path.Join(s.dir, base))
	if err != nil {
		return false
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size < 4*reservePiece {
		return false
	}
	s.note(errSpent)
	return f.Truncate(size/2) == nil && f.Sync() == nil
}

var errSpent = errors.New("it was used for want of other space")

// layUp makes the reserves that are missing or cut short.
func (s *reserve) layUp() {
	var err error
	for _, base := range []string{manifestReserve, previousReserve, stateReserve} {
		if err = s.layUpOne(base); err != nil {
			break
		}
	}
	s.note(err)
}

// layUpOne makes a reserve, or as much of it as there is room for. What is there
// already stays unless more fits.
func (s *reserve) layUpOne(base string) error {
	have, err := fileSize(s.fsys, path.Join(s.dir, base))
	if err != nil && !missing(err) {
		return err
	}
	if have >= s.size {
		return nil
	}
	temp := path.Join(s.dir, TempManifestName)
	if err := discardFile(s.fsys, temp); err != nil {
		return err
	}
	made, err := s.allocate(temp)
	if made <= have {
		return errors.Join(err, discardFile(s.fsys, temp))
	}
	if rerr := s.fsys.Rename(temp, path.Join(s.dir, base)); rerr != nil {
		return errors.Join(err, rerr, discardFile(s.fsys, temp))
	}
	return errors.Join(err, s.fsys.SyncDir(s.dir))
}

// allocate makes a file of the size of a reserve, synced. If the disk is full
// before it is shorter, and an error is returned, too. The content is random,
// so that a file system that compresses gives it blocks of its own.
func (s *reserve) allocate(name string) (made int64, err error) {
	f, err := s.fsys.Create(name)
	if err != nil {
		return 0, err
	}
	random := rand.NewChaCha8([32]byte{})
	b := make([]byte, min(reservePiece, s.size))
	for err == nil && made < s.size {
		b = b[:min(int64(len(b)), s.size-made)]
		_, _ = random.Read(b) // never fails
		switch _, err = f.WriteAt(b, made); {
		case err == nil:
			made += int64(len(b))
		case vfs.NoSpace(err) && len(b) > reserveCrumb: // the last of it, too
			b, err = b[:reserveCrumb], f.Truncate(made)
		}
	}
	fits := error(nil)
	if err != nil {
		fits = f.Truncate(made)
	}
	if fits == nil {
		fits = f.Sync()
	}
	if fits = errors.Join(fits, f.Close()); fits != nil {
		return 0, errors.Join(err, fits)
	}
	return made, err
}

func (s *reserve) note(err error) { s.err.Store(&err) }

// errNotLaidUp is why the reserves are missing before the first attempt.
var errNotLaidUp = errors.New("not laid up yet")

// missing returns why not all reserves are there; nil if they are.
func (s *reserve) missing() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return errNotLaidUp
}

// ReserveCheck is the health of the reserves: degraded while not all of them
// could be laid up. The next start on a full disk may fail then.
func (r *Recovered) ReserveCheck() health.Condition {
	if err := r.reserve.missing(); err != nil {
		return health.Condition{Status: health.Degraded, Reason: fmt.Sprintf(
			"the space kept for the manifest on a full disk is not there (%v); free some space before the next restart", err)}
	}
	return health.Condition{}
}

// renewReserve lays up again what was spent.
func (r *Recovered) renewReserve() {
	if r.reserve.missing() == nil {
		return
	}
	r.commits.Lock()
	defer r.commits.Unlock()
	r.reserve.layUp()
}

// discardFile removes a file that may be missing.
func discardFile(fsys vfs.FS, name string) error {
	if err := fsys.Remove(name); err != nil && !missing(err) {
		return err
	}
	return nil
}

func fileSize(fsys vfs.FS, name string) (int64, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}
