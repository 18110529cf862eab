package repair

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
)

// quarantine copies the manifests and every damaged file to a new directory, in
// which they stay. Each repair has a directory of its own, with the next number.
func (r *repair) quarantine() error {
	names, err := r.list(r.dir(recovery.QuarantineDir))
	if err != nil {
		return err
	}
	number := 1
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			number = max(number, n+1)
		}
	}
	to := r.dir(recovery.QuarantineDir, strconv.Itoa(number))
	if err := r.FS.MkdirAll(to); err != nil {
		return err
	}
	r.report.Quarantine = to
	files := []string{r.dir(manifest.Name), r.dir(manifest.PrevName)}
	for _, f := range r.found.Faults {
		if !slices.Contains(files, f.File) && f.File != r.dir(manifest.LogDir) && f.File != r.Path {
			files = append(files, f.File)
		}
	}
	for _, name := range files {
		err := r.copyFile(name, path.Join(to, path.Base(name)))
		if errors.Is(err, fs.ErrNotExist) { // a missing file is a fault, too
			continue
		}
		if err != nil {
			return err
		}
		r.report.Files = append(r.report.Files, name)
	}
	return r.FS.SyncDir(to)
}

const copyStep = 1 << 20

func (r *repair) copyFile(from, to string) error {
	src, err := r.FS.OpenRead(from)
	if err != nil {
		return err
	}
	defer src.Close()
	size, err := src.Size()
	if err != nil {
		return err
	}
	dst, err := r.FS.Create(to)
	if err != nil {
		return err
	}
	buf := make([]byte, min(size, copyStep))
	for off := int64(0); off < size && err == nil; off += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), size-off)]
		if _, err = src.ReadAt(p, off); err == nil {
			_, err = dst.WriteAt(p, off)
		}
		if err == nil {
			err = r.ctx.Err()
		}
	}
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}
