package recovery

import (
	"errors"
	"io/fs"

	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Error names what was refused and, if that is damage, the tools for it.
func (f *Failure) Error() string {
	if !isDamage(f.Err) {
		return f.Err.Error()
	}
	return f.Err.Error() + "; topics verify shows everything that is damaged, topics repair gives that up and keeps the rest"
}

// isDamage reports whether an error says that a file of the data directory is
// damaged or missing.
func isDamage(err error) bool {
	return errors.As(err, new(*wal.CorruptionError)) || errors.As(err, new(*segment.DamageError)) ||
		errors.As(err, new(*StateError)) || errors.As(err, new(*ManifestError)) || errors.Is(err, fs.ErrNotExist)
}
