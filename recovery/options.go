package recovery

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options say what to recover and how.
type Options struct {
	FS     vfs.FS
	Dir    string    // the data directory; made if absent
	Named  []string  // what else the configuration names: it may be in Dir, and is not data
	Lock   io.Closer // its lock, if the caller has taken it; Run's from here on
	BootID string    // of the running kernel; empty: unknown, taken as a new one
	Mount  string    // that has the log, as Mount returns it; empty: unknown, taken as a new one
	Gate   *health.Gate
	Log    zerolog.Logger
	WAL    wal.Options    // sizes and times; the rest is filled in here
	Topics topics.Options // limits
	// Storage says when checkpoints are taken and where records go.
	Storage StorageOptions
	Now     func() time.Time
}

// StorageOptions are the settings of checkpoints and segments.
type StorageOptions struct {
	CheckpointBytes    int64         // a checkpoint is due after so many bytes of log; 0: off
	CheckpointInterval time.Duration // and after this, if there is anything new; 0: off
	MaxAge             time.Duration // no record is for longer only in the log; 0: for as long as it takes
	SegmentBytes       int64         // data of one segment; 0: 64 MiB
	SegmentRecords     int64         // records of one segment; 0: a million
	ReserveBytes       int64         // of each reserve for a full disk; 0: 1 MiB
	CacheBytes         int64         // decoded blocks and pages of segments in memory
	ColdDir            string        // takes the data of old segments; empty: there is none
	HotSegments        int           // the newest ones that are not old
	HotBytes           int64         // and no more of them than have so much data; 0: not counted
	ArchiveDir         string        // takes copies of finished log files; empty: there is none
	ArchiveMaxBytes    int64         // of log files that may wait for their copy before writers do; 0: not counted
}

// fill sets what has to be set.
func (o *StorageOptions) fill() {
	if o.ReserveBytes == 0 {
		o.ReserveBytes = manifest.ReserveBytes
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.SegmentRecords == 0 {
		o.SegmentRecords = 1_000_000
	}
}
