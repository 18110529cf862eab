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

	// First is the index of the oldest file that is still needed, and Start a
	// frame boundary at or after its beginning from which on the frames are:
	// Run begins there, 0 is where First begins. Both are recorded durably,
	// First the last of Log.Files that begins at or before Start, and
	// Start at most Log.Synced, before Log.Release gives back what is below. Files below First, which a crash
	// saved from being removed, are ignored, and removed by Tail.Open. A First
	// above 1 or a Start above 0 says that there is a log: one without files is
	// damaged then. 0 and 1 are the same First.
	First uint64
	Start LSN
	// Begin makes a log that begins at that position, in file First, where
	// there is none, instead of taking its files for missing. It is for the
	// one opening that makes the log, and may be repeated until that succeeds:
	// a log that is there must begin at Begin. 0 asks for nothing.
	Begin LSN

	// Tail says what ended the life of the log before: it decides which bytes
	// after the last valid frame are a torn tail and which are damage.
	Tail TailKind

	// ReadOnly opens the files for reading only, for a log that is to be looked
	// at: Tail.Open fails then.
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
	// in a goroutine of its own, which may outlive the log; with Manual the
	// goroutine that met the failure calls it. No lock is held.
	Failed func(error)
	// InUse, if set, is called in the background after a new file was put in
	// use and its header synced, so that Newest can be recorded.
	InUse func(newest uint64, synced LSN)
	// Finished, if set, is called in the background, in order, for every file
	// that was left for the next one, once everything in it is synced. Files
	// left before the log was opened, or released meanwhile, or synced only by
	// Close, are not told of: Log.Files has them.
	Finished func(File)
	// Cut, if set, is called by Replay.Run for every whole frame that stands
	// behind the end of the log and will be cut, unless Run then fails.
	Cut func(Frame)

	// Room, if set, is asked before a file is made ready to follow the present
	// one, which takes so many bytes more of the file system and is full when
	// the log ends at end. An error is the answer of a full disk: appends that
	// need the file get ErrDiskFull, and it is asked again after a while.
	Room func(end LSN, bytes int64) error

	// Manual starts no goroutine: spares are prepared inside Reserve, and Tick
	// does what the background would. For simulations that must replay.
	Manual bool
}

// reserve is what ordinary appends leave free at the end of the last file, so
// that on a full disk the appends that free space still find room: 1/16 of a
// file, at most 1 MiB.
func (o *Options) reserve() int64 { return min(o.FileBytes/16, 1<<20) }

// first is the index of the log's oldest file.
func (o *Options) first() uint64 { return max(o.First, 1) }

// expected says that the log is known to have been there.
func (o *Options) expected() bool { return (o.First > 1 || o.Start > 0) && o.Begin == 0 }
