package segment

import (
	"errors"
	"fmt"
)

// Refusals of a Writer. After one the writer can only be aborted.
var (
	// ErrEmpty: Finish of a segment without records.
	ErrEmpty = errors.New("segment: no records")
	// ErrOrder: topics or seqs that do not rise, a time that falls, a tag of
	// another topic than the last record's.
	ErrOrder = errors.New("segment: out of order")
	// ErrTooLarge: a record of more than MaxRecord bytes, a tag of more than
	// MaxTag, or more tags in a topic than a segment can hold.
	ErrTooLarge = errors.New("segment: too large")
	// ErrShared: Copy of a run that shares its block with others.
	ErrShared = errors.New("segment: the block holds other runs")
)

// Damage is what was found wrong with a file, and where.
type Damage struct {
	File     string // path
	Offset   int64  // in File, of the header, frame or footer
	Topic    uint64 // the topic whose records are affected
	From, To uint64 // their seqs, inclusive; both 0: not known, and so is Topic unless it is an index page of one topic
	Cause    string
}

// DamageError is Damage that was met on a read. Nothing was changed on disk.
type DamageError struct{ Damage }

func (e *DamageError) Error() string {
	s := fmt.Sprintf("segment: %s is damaged at offset %d: %s", e.File, e.Offset, e.Cause)
	if e.From != 0 || e.To != 0 {
		s += fmt.Sprintf(" (topic %d, seqs %d to %d)", e.Topic, e.From, e.To)
	}
	return s
}

// VersionError is a file written by a format this program does not know.
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
