package manifest

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
	Name     = "MANIFEST"
	PrevName = "MANIFEST.prev"
	TempName = "MANIFEST.tmp"
)

// Version is the format version that this code writes. It reads that
// and all before: version 1 had no checkpoints, version 2 no routers.
const Version = 3

var magic = [8]byte{'T', 'O', 'P', 'I', 'C', 'S', 'M', 'F'}

const (
	headerBytes = 24
	// maxBytes bounds what a damaged length or a foreign file can make the
	// program read into memory.
	maxBytes = 64 << 20
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

// Read reads dir's manifest. If the newest is damaged or missing it
// returns the previous one with Fallback set and CleanShutdown cleared. If both
// are missing it returns nil and no error. Two damaged ones, or one damaged and
// the other missing, are a *CorruptionError. A newer format is a *VersionError
// and never falls back.
func Read(fsys vfs.FS, dir string) (*Manifest, error) {
	m, err := ReadFile(fsys, dir, Name)
	if err == nil {
		return m, nil
	}
	if !missing(err) && !damaged(err) {
		return nil, err
	}
	prev, prevErr := ReadFile(fsys, dir, PrevName)
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
	return decode(name, b)
}

// readBounded reads a file, at most one byte more than a manifest may have.
func readBounded(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}

// Write makes m the directory's manifest. MANIFEST is replaced and
// never absent: the old content is first copied to MANIFEST.prev, so whenever a
// crash comes MANIFEST holds the old or the new one whole. A damaged MANIFEST
// does not replace an undamaged previous one.
func Write(fsys vfs.FS, dir string, m *Manifest) error {
	return writeWith(fsys, dir, m, replaceFile)
}

// writeWith is WriteManifest with the function that replaces a file.
func writeWith(fsys vfs.FS, dir string, m *Manifest, replace func(fsys vfs.FS, dir, base string, b []byte) error) error {
	old, err := readBounded(fsys, path.Join(dir, Name))
	if err != nil && !missing(err) {
		return err
	}
	if err == nil {
		if _, err := decode(Name, old); err == nil {
			err = replace(fsys, dir, PrevName, old)
			if err != nil {
				return err
			}
		}
	}
	b, err := encode(Version, m)
	if err != nil {
		return err
	}
	return replace(fsys, dir, Name, b)
}

// replaceFile makes b the content of the file, durably and atomically.
func replaceFile(fsys vfs.FS, dir, base string, b []byte) error {
	if err := vfs.WriteFileAtomic(fsys, dir, base, TempName, b); err != nil {
		return fmt.Errorf("replacing %s: %w", path.Join(dir, base), err)
	}
	return nil
}

func encode(version uint32, m *Manifest) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	b := make([]byte, headerBytes, headerBytes+len(body))
	copy(b, magic[:])
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(body)))
	b = append(b, body...)
	binary.LittleEndian.PutUint64(b[16:], checksum(b))
	return b, nil
}

// checksum returns the checksum of a whole file without the checksum field.
func checksum(b []byte) uint64 {
	var h xxh3.Hasher
	_, _ = h.Write(b[:16]) // never fails
	_, _ = h.Write(b[headerBytes:])
	return h.Sum64()
}

func decode(name string, b []byte) (*Manifest, error) {
	bad := func(format string, a ...any) (*Manifest, error) {
		return nil, &CorruptionError{File: name, Err: fmt.Errorf(format, a...)}
	}
	if len(b) < headerBytes {
		return bad("it has %d bytes, fewer than its header", len(b))
	}
	if [8]byte(b) != magic {
		return bad("it does not begin like a manifest")
	}
	version, length := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if int64(length) != int64(len(b)-headerBytes) {
		return bad("its content has %d bytes and should have %d", len(b)-headerBytes, length)
	}
	if got, want := checksum(b), binary.LittleEndian.Uint64(b[16:]); got != want {
		return bad("checksum %016x, stored %016x", got, want)
	}
	if version == 0 || version > Version {
		return nil, &VersionError{File: name, Version: version, Known: Version}
	}
	m := &Manifest{FormatVersion: version}
	if err := json.Unmarshal(b[headerBytes:], m); err != nil {
		return bad("%w", err)
	}
	return m, nil
}
