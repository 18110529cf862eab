package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Read reads the description of a backup.
func Read(fsys vfs.FS, dir string) (*Description, error) {
	name := path.Join(dir, Name)
	f, err := fsys.OpenRead(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: it is no backup, or was never finished", dir, Name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxDescription+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	d, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return d, nil
}

// verify holds that all files of a backup are what the description says.
func verify(ctx context.Context, fsys vfs.FS, dir string, d *Description) error {
	for _, f := range d.Files {
		if err := verifyFile(ctx, fsys, path.Join(dir, f.Name), f); err != nil {
			return fmt.Errorf("the backup is damaged: %s: %w", f.Name, err)
		}
	}
	return nil
}

func verifyFile(ctx context.Context, fsys vfs.FS, name string, f File) error {
	in, err := fsys.OpenRead(name)
	if err != nil {
		return err
	}
	defer in.Close()
	size, err := in.Size()
	if err != nil {
		return err
	}
	if size != f.Size {
		return fmt.Errorf("it has %d bytes, and had %d", size, f.Size)
	}
	sum := xxh3.New()
	if err := copyRange(ctx, sum, io.NewSectionReader(in, 0, size), size, yield); err != nil {
		return err
	}
	if got := Sum(sum.Sum64()); got != f.Sum {
		return fmt.Errorf("its checksum is %016x, and was %016x", uint64(got), uint64(f.Sum))
	}
	return nil
}
