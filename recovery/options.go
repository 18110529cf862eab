package recovery

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options describe a data directory and how to recover and use it.
type Options struct {
	FS  vfs.FS
	Dir string // the data directory; Run makes it if it does not exist
	// RequireExisting refuses a directory without data instead of beginning a new
	// log there: it may be the mount point of a disk that is not mounted.
	RequireExisting bool
	Named           []string  // other names in the configuration: what they name may be in Dir, and is not data
	Lock            io.Closer // on Dir, if the caller has taken it; Run owns it from here on
	BootID          string    // of the running kernel; empty if unknown, which counts as a new boot
	Mount           string    // of the log, as Mount returns it; empty if unknown, which counts as a new one
	Gate            *health.Gate
	Log             zerolog.Logger
	WAL             wal.Options    // sizes and times; Run sets the rest
	Topics          topics.Options // limits
	Storage         store.Settings
	Now             func() time.Time
}

// withDefaults returns the options with the defaults in the place of zeros.
func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Gate == nil {
		o.Gate = health.NewGate(o.Now)
	}
	o.Storage = o.Storage.WithDefaults()
	o.WAL.FS = o.FS
	return o
}

// store returns the options of the store of a directory with that lock.
func (o *Options) store(lock io.Closer) store.Options {
	return store.Options{
		FS: o.FS, Dir: o.Dir, Lock: lock, BootID: o.BootID, Mount: o.Mount, Log: o.Log,
		WAL: o.WAL, Topics: o.Topics, Settings: o.Storage, Now: o.Now,
	}
}

// dirs returns the directories that a data directory consists of, and the cold
// directory if there is one.
func (o *Options) dirs() []string {
	names := manifest.Dirs(o.Dir)
	if o.Storage.ColdDir != "" {
		names = append(names, o.Storage.ColdDir)
	}
	return names
}
