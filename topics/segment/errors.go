package segment

import (
	"errors"
	"fmt"
)

// Errors of a Writer. After one, the writer can only be aborted.
var (
	// ErrEmpty is returned by Finish if the segment has no records.
	ErrEmpty = errors.New("segment: no records")
	// ErrOrder means that topics or seqs do not ascend, that a time decreases, or
	// that a tag is for another topic than that of the last record.
	ErrOrder = errors.New("segment: out of order")
	// ErrTooLarge means a record of more than MaxRecord bytes, a tag of more than
	// MaxTag bytes, or more tags in a topic than a segment can hold.
	ErrTooLarge = errors.New("segment: too large")
	// ErrShared is returned by Copy for a run that shares its block with others.
	ErrShared = errors.New("segment: the block holds other runs")
)

// Damage describes a defect of a file and its place.
type Damage struct {
	File     string // path
	Offset   int64  // in File, of the header, frame or footer
	Topic    uint64 // topic of the affected records; 0 with From and To, unless the damage is in an index page of one topic
	From, To uint64 // their seqs, inclusive; both 0 if unknown
	Cause    string
}

// DamageError reports Damage found by a read. Nothing was changed on disk.
type DamageError struct{ Damage }

func (e *DamageError) Error() string {
	s := fmt.Sprintf("segment: %s is damaged at offset %d: %s", e.File, e.Offset, e.Cause)
	if e.From != 0 || e.To != 0 {
		s += fmt.Sprintf(" (topic %d, seqs %d to %d)", e.Topic, e.From, e.To)
	}
	return s
}

// VersionError reports a file in a format that this program does not know.
type VersionError struct {
	File         string
	Found, Known uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("segment: %s has format version %d; this program knows version %d only", e.File, e.Found, e.Known)
}

func damaged(file string, offset int64, cause string) error {
	return &DamageError{Damage{File: file, Offset: offset, Cause: cause}}
}
