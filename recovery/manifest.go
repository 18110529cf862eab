package recovery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/wal/vfs"
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

// Manifest is what a data directory says about itself. On disk:
//
//	0        8         12        16         24
//	+--------+---------+---------+----------+--------------------+
//	| magic  | version | length  | checksum | JSON, length bytes |
//	+--------+---------+---------+----------+--------------------+
//
// little endian; the checksum is XXH3 over everything else. This frame stays
// the same in every later version, so that a newer file is told from a
// damaged one.
type Manifest struct {
	FormatVersion uint32 `json:"-"`
	LogID         uint64 `json:"log_id"`
	BootID        string `json:"boot_id"`         // of the boot that wrote it
	Mount         string `json:"mount,omitempty"` // that had the log then; empty: unknown
	NewestFile    uint64 `json:"newest_file"`     // number of the newest log file known
	// EndLSN is a position that the log had reached when this was written; it
	// may have gone further since.
	EndLSN        uint64 `json:"end_lsn"`
	CleanShutdown bool   `json:"clean_shutdown"`
	// Failed: a write or sync of the log has failed. What it had not synced
	// counts as lost until a start has settled that.
	Failed bool `json:"failed,omitempty"`
	// Instance is drawn for each data directory, a restored one included: it
	// marks the cold directory as its own. 0: not drawn yet.
	Instance uint64 `json:"instance,omitempty"`
	// ColdGeneration is what the cold directory's OWNER has, or is to have;
	// ColdBefore is what it has until then.
	ColdGeneration uint64 `json:"cold_generation,omitempty"`
	ColdBefore     uint64 `json:"cold_generation_before,omitempty"`
	// Starts counts the starts that got as far as serving. 0: a version that
	// did not count wrote it.
	Starts uint64 `json:"starts,omitempty"`

	// Checkpoint is where recovery begins, Previous the one before, from which
	// it can begin, too. Without either it reads the log from its beginning.
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Previous   *Checkpoint `json:"previous,omitempty"`

	// LogBegin is set by a repair: where the log begins that the next start is
	// to make in the file of the checkpoint. 0: the log is there.
	LogBegin uint64 `json:"log_begin,omitempty"`
	// Unfinished: a restore has begun to fill the directory and has not ended.
	Unfinished bool `json:"unfinished,omitempty"`

	// Fallback says why the newest manifest was not used, when this is the
	// previous one. It is not stored.
	Fallback error `json:"-"`
}

// Taken returns the highest number of a checkpoint, and the highest id of a segment,
// that the manifest names: neither is given out again, also when its file is
// missing.
func (m *Manifest) Taken() (checkpoint, segment uint64) {
	for _, c := range []*Checkpoint{m.Checkpoint, m.Previous} {
		if c == nil {
			continue
		}
		checkpoint = max(checkpoint, c.Number)
		for _, ref := range c.Segments {
			segment = max(segment, ref.ID)
		}
	}
	return checkpoint, segment
}

var manifestMagic = [8]byte{'T', 'O', 'P', 'I', 'C', 'S', 'M', 'F'}

const (
	manifestHeader = 24
	// maxManifest bounds what a damaged length or a foreign file can make us
	// read into memory.
	maxManifest = 64 << 20
)

// ManifestError says which manifest is damaged and how.
type ManifestError struct {
	File string
	Err  error
}

func (e *ManifestError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.File, e.Err) }

func (e *ManifestError) Unwrap() error { return e.Err }

// ErrUnfinished says that a data directory was being made by a restore that
// did not end.
var ErrUnfinished = errors.New("the data directory is what a restore that was cut off left; remove it and restore again")

// VersionError says that a file was written by a newer program.
type VersionError struct {
	File    string
	Version uint32 // what the file has
	Known   uint32 // the newest this program reads
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d; this program knows version %d", e.File, e.Version, e.Known)
}

// ReadManifest reads dir's manifest. When the newest is damaged or missing it
// returns the previous one with Fallback set and CleanShutdown cleared. With
// neither there it returns nil and no error. Two damaged ones, or one damaged
// and the other missing, are a *ManifestError; a newer format is a
// *VersionError and never falls back.
func ReadManifest(fsys vfs.FS, dir string) (*Manifest, error) {
	m, err := readManifest(fsys, dir, ManifestName)
	if err == nil {
		return m, nil
	}
	if !missing(err) && !damaged(err) {
		return nil, err
	}
	prev, prevErr := readManifest(fsys, dir, PrevManifestName)
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
	var e *ManifestError
	return errors.As(err, &e)
}

// ReadManifestFile reads the manifest of that base name alone. Damage is a
// *ManifestError, a newer format a *VersionError, and a missing one
// fs.ErrNotExist.
func ReadManifestFile(fsys vfs.FS, dir, base string) (*Manifest, error) {
	return readManifest(fsys, dir, base)
}

func readManifest(fsys vfs.FS, dir, base string) (*Manifest, error) {
	name := path.Join(dir, base)
	b, err := readBounded(fsys, name)
	if err != nil {
		return nil, err
	}
	return decodeManifest(name, b)
}

// readBounded reads a whole file, at most one byte more than a manifest may
// have.
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
// never absent: the old content first becomes MANIFEST.prev as a copy, so at
// every moment a crash can choose, MANIFEST holds the old or the new one
// whole. A damaged MANIFEST does not push out a good previous one.
func WriteManifest(fsys vfs.FS, dir string, m *Manifest) error {
	return writeManifest(fsys, dir, m, replaceFile)
}

// writeManifest is WriteManifest with another way to replace a file.
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

// replaceFile gives name the content b, durably, in one step for a crash.
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

// manifestSum is the checksum of a whole file, its own field left out.
func manifestSum(b []byte) uint64 {
	var h xxh3.Hasher
	_, _ = h.Write(b[:16]) // never fails
	_, _ = h.Write(b[manifestHeader:])
	return h.Sum64()
}

func decodeManifest(name string, b []byte) (*Manifest, error) {
	bad := func(format string, a ...any) (*Manifest, error) {
		return nil, &ManifestError{File: name, Err: fmt.Errorf(format, a...)}
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
