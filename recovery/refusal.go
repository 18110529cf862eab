package recovery

import (
	"errors"
	"io/fs"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Error returns why recovery refused and, if that is damage, which commands help.
// A missing file may be on a disk that is not mounted, and a repair would give it
// up, so for one it asks for the mount first.
func (f *Failure) Error() string {
	text := f.Err.Error()
	if !isDamage(f.Err) {
		return text
	}
	if errors.Is(f.Err, fs.ErrNotExist) {
		text += "; see first that the data directory and the cold directory are mounted"
	}
	return text + "; topics verify shows everything that is damaged, topics repair gives that up and keeps the rest"
}

// isDamage reports whether err is that of a file of the data directory that is
// damaged or missing.
func isDamage(err error) bool {
	return errors.As(err, new(*wal.CorruptionError)) || errors.As(err, new(*segment.DamageError)) ||
		errors.As(err, new(*manifest.CorruptionError)) || errors.Is(err, fs.ErrNotExist)
}
