package manifest

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// The reserves are files in the data directory. Their blocks are kept for what
// a server must be able to write on a disk without a free byte, so that it can
// start, delete and free space.
const (
	manifestReserve = "RESERVE"       // becomes MANIFEST
	previousReserve = "RESERVE.prev"  // becomes MANIFEST.prev
	snapshotReserve = "RESERVE.state" // is removed to make room for the snapshot of a checkpoint

	// reservePiece is how many bytes of a reserve are written at once. Where
	// there is no room for a whole reserve it has as many pieces as fit.
	reservePiece = 64 << 10
	// reserveCrumb is the size of the pieces that take what is left when no
	// reservePiece fits. What is not taken goes to whatever fills the disk, at
	// each start.
	reserveCrumb = 1 << 10
)

const (
	// ReservePrefix begins the names of files that hold nothing but space.
	ReservePrefix = "RESERVE"
	// ReserveBytes is the usual size of a reserve. A manifest needs a few KiB;
	// the rest is for the file system's own needs, of which xfs has the largest.
	ReserveBytes = 1 << 20
)

// Reserve makes and spends the reserves of a data directory. The caller lets
// one goroutine use it at a time. Missing is safe for concurrent use.
type Reserve struct {
	fsys vfs.FS
	dir  string
	size int64                 // of each reserve
	err  atomic.Pointer[error] // of the last attempt to make them; a nil pointer before the first
}

// NewReserve returns the reserves of the data directory dir, each of that many
// bytes, or of ReserveBytes if bytes is 0. It makes no files.
func NewReserve(fsys vfs.FS, dir string, bytes int64) *Reserve {
	if bytes == 0 {
		bytes = ReserveBytes
	}
	return &Reserve{fsys: fsys, dir: dir, size: bytes}
}

// WriteManifest makes m the directory's manifest. Where there is no other space
// it writes m into the blocks of a reserve and renames that: the blocks are
// never free in between, so that nothing else can take them. Afterwards it
// makes the reserves that are missing. If that fails WriteManifest succeeds all
// the same: Missing reports it, and the background calls Fill again.
func (s *Reserve) WriteManifest(m *Manifest) error {
	err := Write(s.fsys, s.dir, m)
	if vfs.NoSpace(err) {
		err = writeWith(s.fsys, s.dir, m, s.spend)
	}
	if err != nil {
		return err
	}
	if s.Missing() != nil {
		s.Fill()
	}
	return nil
}

// spend replaces a manifest's file from its reserve. A crash leaves the file
// whole, and the reserve with any content, which is never read.
func (s *Reserve) spend(fsys vfs.FS, dir, base string, b []byte) error {
	s.setMissing(errSpent)
	err := discardFile(fsys, path.Join(dir, TempName)) // the attempt without the reserve may have left a block in it
	if err == nil {
		err = s.overwrite(base, b)
	}
	if err != nil && (vfs.NoSpace(err) || errors.Is(err, fs.ErrNotExist)) {
		// The reserve is gone, or too small, or the file system never writes
		// in place: free what there is.
		err = errors.Join(s.free(manifestReserve), s.free(previousReserve))
		if err == nil {
			err = replaceFile(fsys, dir, base, b)
		}
	}
	return err
}

func (s *Reserve) overwrite(base string, b []byte) error {
	name := path.Join(s.dir, manifestReserve)
	if base == PrevName {
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

// free removes a reserve. Its space is then free for any use.
func (s *Reserve) free(base string) error {
	s.setMissing(errSpent)
	return discardFile(s.fsys, path.Join(s.dir, base))
}

// SpendForSnapshot frees the reserve for the snapshot of a checkpoint, or, if
// that was spent before and could not be made again, half of one for a
// manifest, which needs less. It reports whether anything was freed.
func (s *Reserve) SpendForSnapshot() bool {
	if _, err := fileSize(s.fsys, path.Join(s.dir, snapshotReserve)); err == nil {
		return s.free(snapshotReserve) == nil
	}
	return s.halve(previousReserve) || s.halve(manifestReserve)
}

// halve frees half of a reserve. It returns false for one that is too small.
func (s *Reserve) halve(base string) bool {
	f, err := s.fsys.Open(path.Join(s.dir, base))
	if err != nil {
		return false
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size < 4*reservePiece {
		return false
	}
	s.setMissing(errSpent)
	return f.Truncate(size/2) == nil && f.Sync() == nil
}

var errSpent = errors.New("it was used for want of other space")

// Fill makes the reserves that are missing or too short.
func (s *Reserve) Fill() {
	var err error
	for _, base := range []string{manifestReserve, previousReserve, snapshotReserve} {
		if err = s.fillOne(base); err != nil {
			break
		}
	}
	s.setMissing(err)
}

// fillOne makes a reserve, or as much of it as there is room for. A reserve that
// is there is kept unless a larger one fits.
func (s *Reserve) fillOne(base string) error {
	have, err := fileSize(s.fsys, path.Join(s.dir, base))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if have >= s.size {
		return nil
	}
	temp := path.Join(s.dir, TempName)
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

// allocate makes a synced file of the size of a reserve. On a full disk the
// file is shorter, and allocate returns its size and an error. The content is
// random, so that a file system that compresses gives it blocks of its own.
func (s *Reserve) allocate(name string) (made int64, err error) {
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

func (s *Reserve) setMissing(err error) { s.err.Store(&err) }

// errNotMade is why the reserves are missing before the first attempt.
var errNotMade = errors.New("not made yet")

// Missing returns why some reserves are not there, or nil if all are.
func (s *Reserve) Missing() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return errNotMade
}

// discardFile removes a file that may be missing.
func discardFile(fsys vfs.FS, name string) error {
	err := fsys.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func fileSize(fsys vfs.FS, name string) (int64, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}
