package repair

import (
	"errors"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/frame"
)

func lsn(n uint64) wal.LSN { return wal.LSN(n) }

// Sizes of the scratch log. It is written and read once, and nothing in it has to
// be durable.
const (
	scratchFile  = 4 << 20
	scratchQueue = 8 << 20
	scratchCache = 1 << 20
)

// rebuildTopics restores the topics from the snapshot, the segments and the log.
// The log is read as damaged: it may end, or have gaps, anywhere. What it and the
// segments do not have becomes lost ranges.
func (r *repair) rebuildTopics() error {
	if err := r.openScratch(); err != nil {
		return err
	}
	r.registry = topics.New(topics.Options{})
	m := replay.NewRepairer(r.registry.Replay(), r.log)
	o := r.LogOptions(r.found.Manifest)
	o.LogID, o.Synced = r.logID, max(o.Synced, r.begin)
	o.Tail = wal.TailDamaged
	switch {
	case r.snapshot != nil:
		if err := m.Restore(r.snapshot, r.segments); err != nil {
			return err
		}
		if r.from != nil {
			o.First, o.Start = r.from.File, lsn(r.from.Start)
		} else {
			o.First = r.firstFile
		}
	case len(r.segments) > 0:
		if err := m.Forget(r.segments, r.oldestLSN(o)); err != nil {
			return err
		}
		o.First = max(o.First, r.firstFile)
	}
	end, err := r.salvage(o, m)
	if err != nil {
		return err
	}
	if err := r.log.WaitWritten(r.log.Tail()); err != nil {
		return err
	}
	if f := r.found.Manifest; f != nil {
		end = max(end, f.Durable()) // the log may have lost its end
	}
	r.begin = (max(r.begin, end) + frame.Align) &^ (frame.Align - 1)
	r.report.Lost, r.report.Recovered = m.Finish(r.begin)
	r.registry.Start(r.log)
	return nil
}

// oldestLSN returns a position that the log had reached at least, for a log
// whose part before o.Start is unknown.
func (r *repair) oldestLSN(o wal.Options) wal.LSN {
	at := o.Start
	if m := r.found.Manifest; m != nil {
		at = max(at, m.Durable())
	}
	return max(at, lsn(uint64(r.logBytes)))
}

func (r *repair) openScratch() error {
	if err := r.FS.MkdirAll(r.dir(recovery.ScratchDir)); err != nil {
		return err
	}
	r.clearScratch() // an interrupted repair may have left one
	reading, err := wal.Open(wal.Options{
		FS: r.FS, Dir: r.dir(recovery.ScratchDir), LogID: r.logID, Manual: true,
		FileBytes: scratchFile, QueueBytes: scratchQueue, CacheBytes: scratchCache,
	})
	if err != nil {
		return err
	}
	tail, err := reading.Run(func(wal.Frame) error { return errors.New("the scratch log is not empty") }, func(int64) {})
	if err != nil {
		return err
	}
	r.log, err = tail.Open()
	return err
}

// salvage gives m the frames that the log still has, and the gaps between them.
// It returns the position where the log ended at the latest.
func (r *repair) salvage(o wal.Options, m *replay.Repairer) (wal.LSN, error) {
	reading, err := wal.Inspect(o)
	if err != nil {
		return 0, err
	}
	m.Refer(reading.NewReader)
	var most wal.LSN
	end, err := reading.Salvage(func(f wal.Frame) error {
		most = max(most, f.End)
		if err := m.Frame(r.ctx, f); err != nil {
			return err
		}
		if r.log.Tail()-r.log.Written() > scratchQueue/2 {
			if err := r.log.WaitWritten(r.log.Tail()); err != nil {
				return err
			}
		}
		return r.ctx.Err()
	}, func(d *wal.CorruptionError) error {
		to := d.Next
		if to == 0 { // no later frame was found: the log went on at most as far as its files had room
			to = d.LSN + lsn(uint64(r.logBytes))
		}
		most = max(most, to)
		m.Gap(d.LSN, to)
		return r.ctx.Err()
	})
	return max(most, end), err
}
