package wal

import (
	"errors"
	"slices"
	"time"
)

// Stats are the log's counters since it was opened, and its present state.
type Stats struct {
	PrepareErr      error     // why the next file could not be made; nil if it is there
	PrepareErrSince time.Time // when making it began to fail

	Frames         uint64 // frames appended
	Batches        uint64 // write calls that carried them
	Syncs          uint64
	BytesWritten   uint64
	Rotations      uint64 // files put in use
	SubmitFull     uint64 // times the queue was found full
	QueueDepth     int64  // bytes appended and not yet written
	QueueDepthPeak int64
	QueueBytes     int64 // the largest QueueDepth allowed
	Reserved       int64 // bytes of frames that may still be appended by reservations
	ReadOnly       bool
	Err            error // why ReadOnly; nil otherwise
	Full           bool  // no space for the next file
	LastSync       time.Duration
	Writing        time.Duration // duration so far of the write that is running; 0 if none is
	Syncing        time.Duration // duration so far of the sync that is running; 0 if none is
	Waiting        int           // writers that wait for a write or a sync
	Blocked        int           // reservations that wait for room
	Written        uint64        // LSN
	Synced         uint64        // LSN
	Files          int           // in use
	Bytes          int64         // of all files on disk, including the next one and freed ones that are kept or could not be removed
	Freed          uint64        // files freed by TruncateFront
	Recycled       uint64        // freed files that became the next file
	Oldest         LSN           // where the oldest file begins
}

// Group is what one sync made durable.
type Group struct {
	Sync   time.Duration
	Frames int
	Bytes  int64
}

// Stats returns a consistent snapshot.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.mu.stats
	s.QueueDepth = int64(l.mu.tail - l.mu.write.done)
	s.QueueBytes = l.opts.QueueBytes
	s.Reserved = l.mu.reserved
	s.ReadOnly = l.mu.err != nil
	s.Err = l.mu.err
	if l.mu.nextErr != nil && l.mu.next == nil {
		s.PrepareErr, s.PrepareErrSince = l.mu.nextErr, l.mu.nextErrSince
	}
	s.Full = errors.Is(s.PrepareErr, ErrDiskFull)
	s.Written = uint64(l.mu.write.done)
	s.Synced = uint64(l.mu.sync.done)
	s.Writing, s.Syncing = l.mu.write.runningLocked(), l.mu.sync.runningLocked()
	s.Waiting, s.Blocked = int(l.waiting.Load()), int(l.blocked.Load())
	files := *l.files.Load()
	s.Files, s.Oldest = len(files), files[0].first
	for _, f := range slices.Concat(files, l.mu.undead, []*file{l.mu.next, l.mu.recyclable}) {
		if f != nil {
			s.Bytes += f.size
		}
	}
	return s
}
