package wal

import (
	"errors"
	"fmt"
)

// The log's refusals.
var (
	// ErrBusy: there is no room at the moment for a frame that was not reserved.
	ErrBusy = errors.New("wal: busy")
	// ErrQueueFull: the bounded queue stayed full for the whole wait.
	ErrQueueFull = errors.New("wal: queue full")
	// ErrDiskFull: no space for another file. Nothing was appended.
	ErrDiskFull = errors.New("wal: disk full")
	// ErrNoFile: the next log file cannot be made at the moment; see the
	// wrapped cause. Nothing was appended, and the log keeps trying.
	ErrNoFile = errors.New("wal: the next log file cannot be made at the moment")
	// ErrReadOnly: a write or a sync has failed; see the wrapped cause.
	ErrReadOnly = errors.New("wal: read-only after a failure")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("wal: closed")
	// ErrTruncated: the frame was in a file that TruncateFront has freed.
	ErrTruncated = errors.New("wal: truncated")
	// ErrTooLarge: the frame exceeds what a frame may hold.
	ErrTooLarge = errors.New("wal: frame too large")
)

// CorruptionError is damage of bytes that had been synced, or that a reader was
// promised: no valid frame is there although the log continues, or is known to have
// continued; or a file is missing, cut short, or has no header, whether or not that
// cost a frame. Nothing was changed on disk.
type CorruptionError struct {
	File   string // base name
	Offset int64  // byte offset in File
	LSN    LSN    // first position without a valid frame
	Next   LSN    // from Salvage: position where valid frames continue, or 0 if none follow
	Cause  string // what is wrong there
	Proof  string // why it cannot be a torn tail; empty from a reader and from Salvage
}

func (e *CorruptionError) Error() string {
	s := fmt.Sprintf("wal: %s is damaged at offset %d (lsn %d): %s", e.File, e.Offset, e.LSN, e.Cause)
	if e.Proof != "" {
		s += "; this is not a torn tail: " + e.Proof
	}
	return s
}

// SyncError is a failed sync of a log file during an opening. The kernel has
// dropped pages of the file that it could not write and may show bytes that are not
// on the disk, so the next opening must use TailPower, even in the same boot.
type SyncError struct {
	File string // base name
	Err  error
}

func (e *SyncError) Error() string { return fmt.Sprintf("wal: sync %s: %v", e.File, e.Err) }

func (e *SyncError) Unwrap() error { return e.Err }

// VersionError is a file in a format that this program does not know.
type VersionError struct {
	File         string
	Found, Known uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("wal: %s has format version %d; this program knows version %d only", e.File, e.Found, e.Known)
}
