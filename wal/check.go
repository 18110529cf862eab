package wal

import "fmt"

// CheckHeader holds that b, the bytes of the file before its frames, are the
// header that a file in use of the log logID has. Anything else is a
// *CorruptionError, or a *VersionError.
func (f File) CheckHeader(b []byte, logID uint64) error {
	h, ok, err := decodeHeader(b, f.Name)
	switch {
	case err != nil:
		return err
	case !ok:
		return &CorruptionError{File: f.Name, LSN: f.First, Cause: "header missing or damaged"}
	case h.logID != logID:
		return &CorruptionError{File: f.Name, LSN: f.First, Cause: fmt.Sprintf("belongs to log %016x, not %016x", h.logID, logID)}
	case h.first != f.First:
		return &CorruptionError{File: f.Name, LSN: f.First, Cause: fmt.Sprintf("begins at lsn %d", h.first)}
	}
	return nil
}

// Close gives up a log that was only to be looked at. Nothing on disk has been
// touched.
func (t *Tail) Close() { t.replay.close() }
