package recovery

import (
	"errors"
	"io/fs"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Error names what was refused and, if that is damage, the tools for it. A file
// that is missing may be on a disk that is not mounted, and a repair would give
// it up.
func (f *Failure) Error() string {
	said := f.Err.Error()
	if !isDamage(f.Err) {
		return said
	}
	if errors.Is(f.Err, fs.ErrNotExist) {
		said += "; see first that the data directory and the cold directory are mounted"
	}
	return said + "; topics verify shows everything that is damaged, topics repair gives that up and keeps the rest"
}

// isDamage reports whether an error says that a file of the data directory is
// damaged or missing.
func isDamage(err error) bool {
	return errors.As(err, new(*wal.CorruptionError)) || errors.As(err, new(*segment.DamageError)) ||
		errors.As(err, new(*manifest.CorruptionError)) || errors.Is(err, fs.ErrNotExist)
}
