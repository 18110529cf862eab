package wal

import (
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options say where the log lives and what it may use.
type Options struct {
	FS  vfs.FS
	Dir string // holds nothing but log files; must exist

	// LogID is the id of a log that does not exist yet; an existing one has
	// its id in every file.
	LogID uint64
	// Synced and Newest are what is known from elsewhere to have been
	// reached: a position below which everything was durable, and the index
	// of a file that was in use. A log that ends before either is damaged.
	Synced LSN
	Newest uint64

	FileBytes  int64         // size of a log file; a bigger frame gets a bigger file
	QueueBytes int64         // most bytes appended and not yet written
	CacheBytes int64         // recent log bytes kept in memory for readers
	DiskSync   time.Duration // an unsynced byte is synced within this
	QueueWait  time.Duration // how long Admit waits for a full queue

	// Observe, if set, is called after every sync, by one goroutine at a
	// time, with no lock held. It must not block.
	Observe func(Group)
	// InUse, if set, is called in the background after a new file was put in
	// use and its header synced, so that Newest can be recorded.
	InUse func(newest uint64, synced LSN)
	// Cut, if set, is called by Replay.Run for every whole frame that stands
	// behind the end of the log and will be cut, unless Run then fails.
	Cut func(Frame)

	// Manual starts no goroutine: spares are prepared inside Admit, and Tick
	// does what the background would. For simulations that must replay.
	Manual bool
}

// reserve is what ordinary appends leave free at the end of the last file, so
// that on a full disk the appends that free space still find room: 1/16 of a
// file, at most 1 MiB.
func (o *Options) reserve() int64 { return min(o.FileBytes/16, 1<<20) }
