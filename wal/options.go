package wal

import (
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Options configure a log.
type Options struct {
	FS  vfs.FS
	Dir string // holds nothing but log files; must exist

	// LogID is the id of a log that does not exist yet; an existing one has
	// its id in every file.
	LogID uint64
	// Synced is a position below which everything is known to have been durable,
	// and Newest the index of a file that is known to have been in use. A log
	// that ends before either is corrupt.
	Synced LSN
	Newest uint64

	// First is the index of the oldest file that is still needed. Start is where
	// Run begins: a frame boundary at or after the beginning of that file, or 0
	// for its beginning. Before Log.TruncateFront frees what is below them, the
	// caller records both durably: as First the last of Log.Files that begins at
	// or before Start, and as Start at most Log.Synced. Files below First, which
	// a crash left, are ignored, and Tail.Open removes them. A First above 1 or a
	// Start above 0 claims that there is a log: without files it is corrupt. A
	// First of 0 means 1.
	First uint64
	Start LSN
	// Begin makes a log that begins at that position, in file First, if there is
	// none, instead of reporting its files missing. It is for the one opening
	// that makes the log, and may be repeated until that succeeds: a log that is
	// there must begin at Begin. 0 makes none.
	Begin LSN

	// Tail is how the last process that wrote the log ended. It decides which
	// bytes after the last valid frame are a torn tail and which are corruption.
	Tail TailKind

	// ReadOnly opens the files for reading only. Tail.Open fails then.
	ReadOnly bool

	FileBytes  int64         // size of a log file; a bigger frame gets a bigger file
	QueueBytes int64         // most bytes appended and not yet written
	CacheBytes int64         // recent log bytes kept in memory for readers
	DiskSync   time.Duration // an unsynced byte is synced within this
	QueueWait  time.Duration // how long Reserve waits for a full queue

	// Observe, if set, is called after every sync, by one goroutine at a
	// time, with no lock held. It must not block.
	Observe func(Group)
	// Failed, if set, is called once, with the cause, when a failed write or
	// sync makes the log read-only, but not for a failure during Close. It runs
	// in its own goroutine, which may outlive the log; with Manual, in the
	// goroutine that got the error. No lock is held.
	Failed func(error)
	// InUse, if set, is called in the background after a new file was put in
	// use and its header synced, so that Newest can be recorded.
	InUse func(newest uint64, synced LSN)
	// Finished, if set, is called in the background, in order, for every file
	// that the log has left for the next one, once everything in it is synced.
	// It is not called for files that were left before the log was opened, were
	// freed meanwhile, or are synced only by Close: Log.Files has those.
	Finished func(File)
	// Cut, if set, is called by Replay.Run for every whole frame that is after
	// the end of the log and will be cut, unless Run then fails.
	Cut func(Frame)

	// Room, if set, is called before the next file is made, which takes that many
	// more bytes of the file system and is full when the log ends at end. An
	// error for which vfs.NoSpace is true counts as a full disk: reservations
	// that need the file get ErrDiskFull, and Room is called again later.
	Room func(end LSN, bytes int64) error

	// Manual starts no goroutine: Reserve makes the next file, and Tick does the
	// work of the background. It is for simulations that must be repeatable.
	Manual bool
}

// reserve returns how many bytes ordinary appends leave free at the end of the last
// file, so that on a full disk the appends that free space still find room: 1/16 of
// a file, at most 1 MiB.
func (o *Options) reserve() int64 { return min(o.FileBytes/16, 1<<20) }

// first returns the index of the log's oldest file.
func (o *Options) first() uint64 { return max(o.First, 1) }

// expected reports whether the log is known to have existed.
func (o *Options) expected() bool { return (o.First > 1 || o.Start > 0) && o.Begin == 0 }
