package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// copyStep is the size of a step of copying, in bytes.
const copyStep = 256 << 10

// Stream takes a checkpoint of a directory that a server is using, and writes
// it and the log from there on to w as a tar. Writes to topics continue; the
// files being copied are not removed until Stream returns. It returns what it
// has written, which is not the whole after an error.
func Stream(ctx context.Context, data *store.Store, w io.Writer) (*Description, error) {
	p, err := data.Pin(ctx)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer p.Release()
	s := pinned(p)
	err = s.write(ctx, w)
	return &s.desc, err
}

// write writes the tar, with the description as its last entry.
func (s *source) write(ctx context.Context, w io.Writer) error {
	out := tar.NewWriter(w)
	for _, f := range s.files {
		if err := s.add(ctx, out, f); err != nil {
			return fmt.Errorf("backup: %s: %w", f.Path, err)
		}
	}
	b, err := s.desc.encode()
	if err == nil {
		err = out.WriteHeader(s.header(Name, int64(len(b))))
	}
	if err == nil {
		_, err = out.Write(b)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func (s *source) header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: s.desc.Time}
}

// add writes one file and adds it to the description.
func (s *source) add(ctx context.Context, out *tar.Writer, f manifest.StoredFile) error {
	in, err := s.fsys.OpenRead(f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	size := f.Size
	if size < 0 {
		if size, err = in.Size(); err != nil {
			return err
		}
	}
	if err := out.WriteHeader(s.header(f.Name, size)); err != nil {
		return err
	}
	sum := xxh3.New()
	if err := copyRange(ctx, io.MultiWriter(out, sum), io.NewSectionReader(in, 0, size), size, s.pace); err != nil {
		return err
	}
	s.desc.Files = append(s.desc.Files, File{f.Name, size, Sum(sum.Sum64())})
	return nil
}

// copyRange copies exactly size bytes. It calls pace before each step.
func copyRange(ctx context.Context, dst io.Writer, src io.Reader, size int64, pace func(context.Context) error) error {
	buf := make([]byte, min(size, copyStep))
	for left := size; left > 0; left -= int64(len(buf)) {
		buf = buf[:min(left, int64(len(buf)))]
		if err := pace(ctx); err != nil {
			return err
		}
		if _, err := io.ReadFull(src, buf); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if _, err := dst.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// appender writes to a file sequentially, from off on.
type appender struct {
	file vfs.File
	off  int64
}

func (a *appender) Write(p []byte) (int, error) {
	n, err := a.file.WriteAt(p, a.off)
	a.off += int64(n)
	return n, err
}

// writeFile creates a file with size bytes of src, padded with zeros to full
// bytes. The file is durable once its directory is synced. sum is of the size
// bytes.
func writeFile(ctx context.Context, fsys vfs.FS, name string, src io.Reader, size, full int64) (sum Sum, err error) {
	f, err := fsys.Create(name)
	if err != nil {
		return 0, err
	}
	hash, out := xxh3.New(), &appender{file: f}
	err = copyRange(ctx, io.MultiWriter(out, hash), src, size, yield)
	if err == nil && full > size {
		err = copyRange(ctx, out, zeros{}, full-size, yield)
	}
	if err == nil {
		err = f.Sync()
	}
	return Sum(hash.Sum64()), errors.Join(err, f.Close())
}

// zeros reads as an infinite sequence of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
