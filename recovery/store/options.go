package store

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options describe a data directory and how it is used.
type Options struct {
	FS       vfs.FS
	Dir      string    // the data directory
	Lock     io.Closer // on the data directory; Close releases it
	BootID   string    // of the running kernel; empty if unknown
	Mount    string    // that has the log; empty if unknown
	Log      zerolog.Logger
	WAL      wal.Options // sizes and times; the store sets the rest
	Topics   topics.Options
	Settings Settings
	Now      func() time.Time
}

// Settings are what an operator can set of checkpoints, segments, the cold
// directory and the archive. A limit of 0 is none, where not said otherwise.
type Settings struct {
	CheckpointBytes    int64         // bytes of log after which a checkpoint is due
	CheckpointInterval time.Duration // time after which a checkpoint is due if there is anything new
	MaxAge             time.Duration // longest time for which a record is only in the log
	Segment            segment.Limits
	ReserveBytes       int64  // of each reserve for a full disk; 0 means manifest.ReserveBytes
	CacheBytes         int64  // of decoded blocks and pages of segments in memory
	WorkBytes          int64  // of buffers of the work in the background; 0 means LeastWorkBytes
	ColdDir            string // for the data of older segments; empty if there is none
	HotSegments        int    // how many of the newest segments stay in the data directory
	HotBytes           int64  // most bytes of data of these
	ArchiveDir         string // for copies of finished log files; empty if there is none
	ArchiveMaxBytes    int64  // of log files that may wait for their copy before writers wait
}

// WithDefaults returns the settings with the defaults in the place of zeros.
func (o Settings) WithDefaults() Settings {
	if o.ReserveBytes == 0 {
		o.ReserveBytes = manifest.ReserveBytes
	}
	o.WorkBytes = max(o.WorkBytes, LeastWorkBytes)
	o.Segment = o.Segment.WithDefaults()
	return o
}
