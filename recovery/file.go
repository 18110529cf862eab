package recovery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/zeebo/xxh3"
)

// The manifest's files in a data directory.
const (
	ManifestName     = "MANIFEST"
	PrevManifestName = "MANIFEST.prev"
	TempManifestName = "MANIFEST.tmp"
)

// ManifestVersion is the format version that this code writes. It reads that
// and all before: version 1 had no checkpoints, version 2 no routers.
const ManifestVersion = 3

var manifestMagic = [8]byte{'T', 'O', 'P', 'I', 'C', 'S', 'M', 'F'}

const (
	manifestHeader = 24
	// maxManifest bounds what a damaged length or a foreign file can make the
	// program read into memory.
	maxManifest = 64 << 20
)

// CorruptionError means that a file of the data directory, a manifest or a
// snapshot, is damaged or missing.
type CorruptionError struct {
	File string
	Err  error
}

func (e *CorruptionError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.File, e.Err) }

func (e *CorruptionError) Unwrap() error { return e.Err }

// ErrUnfinished is the error of a data directory that an interrupted restore
// left.
var ErrUnfinished = errors.New("the data directory is what a restore that was cut off left; remove it and restore again")

// VersionError is the error of a file that a newer program wrote.
type VersionError struct {
	File    string
	Version uint32 // of the file
	Known   uint32 // the newest that this program reads
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d; this program knows version %d", e.File, e.Version, e.Known)
}

// ReadManifest reads dir's manifest. If the newest is damaged or missing it
// returns the previous one with Fallback set and CleanShutdown cleared. If both
// are missing it returns nil and no error. Two damaged ones, or one damaged and
// the other missing, are a *CorruptionError. A newer format is a *VersionError
// and never falls back.
func ReadManifest(fsys vfs.FS, dir string) (*Manifest, error) {
	m, err := ReadFile(fsys, dir, ManifestName)
	if err == nil {
		return m, nil
	}
	if !missing(err) && !damaged(err) {
		return nil, err
	}
	prev, prevErr := ReadFile(fsys, dir, PrevManifestName)
	switch {
	case prevErr == nil:
		prev.Fallback = err
		prev.CleanShutdown = false // whatever came after it is unknown
		return prev, nil
	case missing(err) && missing(prevErr):
		return nil, nil
	case missing(prevErr):
		return nil, err
	case damaged(err) && damaged(prevErr):
		return nil, fmt.Errorf("%w; %w", err, prevErr)
	}
	return nil, prevErr
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func damaged(err error) bool {
	var e *CorruptionError
	return errors.As(err, &e)
}

// ReadFile reads the manifest of that base name alone. Damage is a
// *CorruptionError, a newer format a *VersionError, and a missing file
// fs.ErrNotExist.
func ReadFile(fsys vfs.FS, dir, base string) (*Manifest, error) {
	name := path.Join(dir, base)
	b, err := readBounded(fsys, name)
	if err != nil {
		return nil, err
	}
	return decodeManifest(name, b)
}

// readBounded reads a file, at most one byte more than a manifest may have.
func readBounded(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}

// WriteManifest makes m the directory's manifest. MANIFEST is replaced and
// never absent: the old content is first copied to MANIFEST.prev, so whenever a
// crash comes MANIFEST holds the old or the new one whole. A damaged MANIFEST
// does not replace an undamaged previous one.
func WriteManifest(fsys vfs.FS, dir string, m *Manifest) error {
	return writeManifest(fsys, dir, m, replaceFile)
}

// writeManifest is WriteManifest with the function that replaces a file.
func writeManifest(fsys vfs.FS, dir string, m *Manifest, replace func(fsys vfs.FS, dir, base string, b []byte) error) error {
	old, err := readBounded(fsys, path.Join(dir, ManifestName))
	if err != nil && !missing(err) {
		return err
	}
	if err == nil {
		if _, err := decodeManifest(ManifestName, old); err == nil {
			err = replace(fsys, dir, PrevManifestName, old)
			if err != nil {
				return err
			}
		}
	}
	b, err := encodeManifest(ManifestVersion, m)
	if err != nil {
		return err
	}
	return replace(fsys, dir, ManifestName, b)
}

// replaceFile makes b the content of the file, durably and atomically.
func replaceFile(fsys vfs.FS, dir, base string, b []byte) error {
	if err := vfs.WriteFileAtomic(fsys, dir, base, TempManifestName, b); err != nil {
		return fmt.Errorf("replacing %s: %w", path.Join(dir, base), err)
	}
	return nil
}

func encodeManifest(version uint32, m *Manifest) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	b := make([]byte, manifestHeader, manifestHeader+len(body))
	copy(b, manifestMagic[:])
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(body)))
	b = append(b, body...)
	binary.LittleEndian.PutUint64(b[16:], manifestSum(b))
	return b, nil
}

// manifestSum returns the checksum of a whole file without the checksum field.
func manifestSum(b []byte) uint64 {
	var h xxh3.Hasher
	_, _ = h.Write(b[:16]) // never fails
	_, _ = h.Write(b[manifestHeader:])
	return h.Sum64()
}

func decodeManifest(name string, b []byte) (*Manifest, error) {
	bad := func(format string, a ...any) (*Manifest, error) {
		return nil, &CorruptionError{File: name, Err: fmt.Errorf(format, a...)}
	}
	if len(b) < manifestHeader {
		return bad("it has %d bytes, fewer than its header", len(b))
	}
	if [8]byte(b) != manifestMagic {
		return bad("it does not begin like a manifest")
	}
	version, length := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if int64(length) != int64(len(b)-manifestHeader) {
		return bad("its content has %d bytes and should have %d", len(b)-manifestHeader, length)
	}
	if got, want := manifestSum(b), binary.LittleEndian.Uint64(b[16:]); got != want {
		return bad("checksum %016x, stored %016x", got, want)
	}
	if version == 0 || version > ManifestVersion {
		return nil, &VersionError{File: name, Version: version, Known: ManifestVersion}
	}
	m := &Manifest{FormatVersion: version}
	if err := json.Unmarshal(b[manifestHeader:], m); err != nil {
		return bad("%w", err)
	}
	return m, nil
}
