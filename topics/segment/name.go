package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Kind is the kind of a file in a segment's directory.
type Kind int

// Kinds of files.
const (
	Data    Kind = iota + 1 // blocks
	Index                   // pages
	Partial                 // an unfinished copy of a data file
)

const (
	dataSuffix    = ".seg"
	indexSuffix   = ".idx"
	partialSuffix = ".seg.part"
)

// DataName returns the base name of a segment's data file.
func DataName(id uint64) string { return fmt.Sprintf("%016x%s", id, dataSuffix) }

// IndexName returns the base name of a segment's index.
func IndexName(id uint64) string { return fmt.Sprintf("%016x%s", id, indexSuffix) }

// PartialName returns the base name of a copy of a segment's data file that is not
// complete.
func PartialName(id uint64) string { return fmt.Sprintf("%016x%s", id, partialSuffix) }

// ParseName parses the base name of a segment's file. ok is false for other
// names.
func ParseName(name string) (id uint64, kind Kind, ok bool) {
	stem, suffix, _ := strings.Cut(name, ".")
	switch "." + suffix {
	case dataSuffix:
		kind = Data
	case indexSuffix:
		kind = Index
	case partialSuffix:
		kind = Partial
	default:
		return 0, 0, false
	}
	id, err := strconv.ParseUint(stem, 16, 64)
	if err != nil || fmt.Sprintf("%016x", id) != stem {
		return 0, 0, false
	}
	return id, kind, true
}

// Remove removes one file of a segment from dir; it is no error if the file
// does not exist. The removal is durable after a SyncDir of dir. Open handles
// remain readable.
func Remove(fsys vfs.FS, dir string, id uint64, kind Kind) error {
	var name string
	switch kind {
	case Data:
		name = DataName(id)
	case Index:
		name = IndexName(id)
	case Partial:
		name = PartialName(id)
	default:
		return fmt.Errorf("segment: remove kind %d of %016x: %w", kind, id, fs.ErrInvalid)
	}
	if err := fsys.Remove(path.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("segment: %w", err)
	}
	return nil
}
