package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// archive copies finished log files to a directory of the operator's, so that a
// backup can be brought forward to any moment since. The log keeps a file until
// its copy is durable. An archive without a directory copies nothing.
//
// The directory may be a network mount that hangs for hours. So one goroutine
// alone uses it, and all others ask only what has been copied.
type archive struct {
	fsys       vfs.FS
	from, to   string
	maxWaiting int64             // bytes of log files that may wait; 0 if there is no limit
	finished   func() []wal.File // returns the log's files that are complete, oldest first
	copied     func()            // called after each file, without a lock held
	log        zerolog.Logger
	wake       chan struct{} // capacity 1; receives when a file is finished
	remote     remote
	buffers    *buffers

	through  atomic.Uint64 // index of the newest file that was copied since the start
	files    atomic.Uint64
	failures atomic.Uint64
}

// archiveStepLimit is how long a step of a copy may take.
const archiveStepLimit = 10 * time.Second

// Backlog is the log files that wait for the archive.
type Backlog struct {
	Files  int
	Bytes  int64
	oldest wal.File
}

// backlog returns what waits. It uses no disk.
func (a *archive) backlog() (b Backlog) {
	if a.to == "" {
		return b
	}
	for _, f := range a.waiting() {
		if b.Files == 0 {
			b.oldest = f
		}
		b.Files++
		b.Bytes += f.Bytes()
	}
	return b
}

func (a *archive) waiting() []wal.File {
	files, through := a.finished(), a.through.Load()
	for len(files) > 0 && files[0].Index <= through {
		files = files[1:]
	}
	return files
}

// run copies files as they are finished, and retries those that failed, until
// ctx ends.
func (a *archive) run(ctx context.Context) {
	for {
		wake, retry := a.wake, (<-chan time.Time)(nil)
		if err := a.copyAll(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			a.log.Warn().Err(err).Msg("archive is unavailable; log files are kept")
			wake, retry = nil, time.After(retryAfter) // a file that is finished meanwhile does not bring the retry forward
		}
		select {
		case <-wake:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// copyAll copies what waits, oldest first, up to the first failure.
func (a *archive) copyAll(ctx context.Context) error {
	if a.to == "" {
		return nil
	}
	files := a.waiting()
	if len(files) == 0 { // make the directory all the same: a health check looks at it
		a.remote.step()
		err := a.fsys.MkdirAll(a.to)
		a.remote.end(err)
		return err
	}
	for _, f := range files {
		a.remote.step()
		err := a.copy(ctx, f)
		a.remote.end(err)
		if err != nil {
			a.failures.Add(1)
			return fmt.Errorf("archiving %s: %w", f.Name, err)
		}
		a.files.Add(1)
		a.through.Store(f.Index)
		if a.copied != nil {
			a.copied()
		}
	}
	return nil
}

// limit returns the position at which the log has to wait for the archive, or 0
// if it need not. The file that is being filled does not wait yet, so the limit
// is at least two files.
func (a *archive) limit(fileBytes int64) wal.LSN {
	b := a.backlog()
	if b.Files == 0 || a.maxWaiting == 0 {
		return 0
	}
	return b.oldest.First + wal.LSN(max(a.maxWaiting, 2*fileBytes))
}
