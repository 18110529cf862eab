package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

const tempName = Name + ".tmp"

// Copying has the parameters of Copy.
type Copying struct {
	FS   vfs.FS
	Dir  string
	Cold string // its cold directory; may be empty
	To   string // the backup; it must be empty or absent
	// BootID and Mount are as in recovery.Options, for Dir.
	BootID, Mount string
}

// Copy backs up a directory that no server uses. It takes a shared lock and
// does not modify the directory.
func Copy(ctx context.Context, c Copying) (*Description, error) {
	fsys := c.FS
	kind, err := recovery.Examine(fsys, c.Dir)
	if err != nil {
		return nil, err
	}
	if err := kind.Require(recovery.Data); err != nil {
		return nil, err
	}
	if err := requireEmpty(fsys, c.To); err != nil {
		return nil, err
	}
	lock, err := recovery.Share(fsys, c.Dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	s, err := stopped(&c)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.CloseWithError(s.write(ctx, w))
	}()
	d, err := Unpack(ctx, fsys, c.To, r)
	r.CloseWithError(errors.New("the copy has ended")) // unblocks the writer
	<-ended
	return d, err
}

// Unpack makes a backup from a tar. dir must be empty or absent. Unpack writes
// the description, durably, after all files that it lists were written and have
// the right checksums. After an error Unpack removes the files as far as
// possible; without a description the directory is not a backup.
func Unpack(ctx context.Context, fsys vfs.FS, dir string, r io.Reader) (*Description, error) {
	if err := requireEmpty(fsys, dir); err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("directory %s: %w", dir, err)
	}
	u := &unpacking{fsys: fsys, dir: dir}
	d, err := u.run(ctx, tar.NewReader(r))
	if err == nil {
		_, err = io.Copy(io.Discard, r) // the padding of the tar; an error after its end is an error too
	}
	if err == nil {
		err = u.commit(d)
	}
	if err != nil {
		u.undo()
		return nil, fmt.Errorf("backup to %s: %w", dir, err)
	}
	return d, nil
}

type unpacking struct {
	fsys    vfs.FS
	dir     string
	written []File
}

// run writes every file and returns the description, which must be the last
// entry.
func (u *unpacking) run(ctx context.Context, in *tar.Reader) (*Description, error) {
	for _, name := range []string{manifest.LogDir, manifest.SegmentDir, manifest.SnapshotDir} {
		if err := u.fsys.MkdirAll(path.Join(u.dir, name)); err != nil {
			return nil, err
		}
	}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the tar is truncated: its %s is missing", Name)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the tar: %w", err)
		}
		if h.Name == Name {
			return u.describe(in, h.Size)
		}
		if h.Typeflag != tar.TypeReg || !stored(h.Name) {
			return nil, fmt.Errorf("the tar has %.100q, which does not belong in a backup", h.Name)
		}
		name := path.Join(u.dir, h.Name)
		u.written = append(u.written, File{Name: h.Name, Size: h.Size})
		sum, err := writeFile(ctx, u.fsys, name, in, h.Size, h.Size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		u.written[len(u.written)-1].Sum = sum
	}
}

// describe reads the description and verifies that it lists what was written.
func (u *unpacking) describe(in *tar.Reader, size int64) (*Description, error) {
	if size > maxDescription {
		return nil, fmt.Errorf("%s has %d bytes", Name, size)
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	d, err := decode(b)
	if err != nil {
		return nil, err
	}
	for i := range max(len(d.Files), len(u.written)) {
		switch {
		case i >= len(u.written):
			return nil, fmt.Errorf("%s is missing", d.Files[i].Name)
		case i >= len(d.Files):
			return nil, fmt.Errorf("%s is not listed in %s", u.written[i].Name, Name)
		case u.written[i] != d.Files[i]:
			return nil, fmt.Errorf("%s arrived with %d bytes and checksum %016x, and was sent as %s with %d and %016x", u.written[i].Name,
				u.written[i].Size, uint64(u.written[i].Sum), d.Files[i].Name, d.Files[i].Size, uint64(d.Files[i].Sum))
		}
	}
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the tar has entries after its %s", Name)
	}
	return d, nil
}

// commit makes everything durable and adds the description.
func (u *unpacking) commit(d *Description) error {
	for _, name := range []string{manifest.LogDir, manifest.SegmentDir, manifest.SnapshotDir} {
		if err := u.fsys.SyncDir(path.Join(u.dir, name)); err != nil {
			return err
		}
	}
	b, err := d.encode()
	if err != nil {
		return err
	}
	return vfs.WriteFileAtomic(u.fsys, u.dir, Name, tempName, b)
}

// undo removes what was written, the description first. It ignores errors,
// since Unpack returns the one that led here.
func (u *unpacking) undo() {
	if err := u.fsys.Remove(path.Join(u.dir, Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if u.fsys.SyncDir(u.dir) != nil {
		return
	}
	_ = u.fsys.Remove(path.Join(u.dir, tempName))
	for _, f := range u.written {
		_ = u.fsys.Remove(path.Join(u.dir, f.Name))
	}
}

// stored reports whether a file of a data directory can have that name. Unpack
// never writes to any other name.
func stored(name string) bool {
	dir, base := path.Split(name)
	switch dir {
	case manifest.LogDir + "/":
		_, ok := wal.ParseName(base)
		return ok
	case manifest.SegmentDir + "/":
		_, kind, ok := segment.ParseName(base)
		return ok && kind != segment.Partial
	case manifest.SnapshotDir + "/":
		_, ok := manifest.ParseSnapshot(base)
		return ok
	}
	return false
}

// requireEmpty returns an error unless a directory is empty, except for what a
// failed attempt may have left.
func requireEmpty(fsys vfs.FS, dir string) error {
	kind, err := recovery.Examine(fsys, dir)
	if err != nil {
		return err
	}
	return kind.Require(recovery.Empty)
}
