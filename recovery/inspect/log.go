package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
)

// LogOptions are how the log of a directory with that manifest, which may be
// nil, is to be read.
func LogOptions(d Dir, m *recovery.Manifest) wal.Options {
	o := wal.Options{FS: d.FS, Dir: path.Join(d.Path, recovery.LogDir), ReadOnly: true}
	if m != nil {
		o.LogID, o.Synced, o.Newest, o.Begin = m.LogID, wal.LSN(m.EndLSN), m.NewestFile, wal.LSN(m.LogBegin)
		if c := m.Previous; c != nil {
			o.First, o.Start = c.File, wal.LSN(c.Start)
		}
	}
	return o
}

// log reads the log from the oldest checkpoint on.
func (v *verifier) log() error {
	if m := v.report.Manifest; m == nil && len(v.report.Faults) > 0 {
		return nil // nothing says where it begins
	}
	o := LogOptions(v.Dir, v.report.Manifest)
	replay, err := wal.Inspect(o)
	if errors.Is(err, fs.ErrNotExist) {
		v.fault(Fault{File: o.Dir, Cause: "the directory is missing"})
		return nil
	}
	if version := new(wal.VersionError); errors.As(err, &version) {
		v.fault(Fault{File: path.Join(o.Dir, version.File), Cause: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	before := len(v.report.Faults)
	refs := topics.NewReferences(replay.NewReader)
	end, err := replay.Salvage(func(f wal.Frame) error {
		v.report.Frames++
		if _, err := topics.DescribeFrame(f); err != nil {
			v.fault(Fault{File: o.Dir, LSN: uint64(f.LSN), Cause: err.Error()})
		}
		cause, err := refs.Check(f)
		if err != nil {
			return err
		}
		if cause != "" {
			v.fault(Fault{File: o.Dir, LSN: uint64(f.LSN), Cause: cause})
		}
		return v.ctx.Err()
	}, func(d wal.Damage) error {
		f := Fault{File: path.Join(o.Dir, d.File), Offset: d.Offset, LSN: uint64(d.LSN), Cause: d.Cause}
		if d.Next > d.LSN {
			f.Cause += fmt.Sprintf("; %d bytes are lost, the log goes on at lsn %d", d.Next-d.LSN, d.Next)
		}
		v.fault(f)
		return nil
	})
	v.report.EndLSN = uint64(end)
	if corrupt := new(wal.CorruptionError); errors.As(err, &corrupt) {
		v.fault(Fault{File: path.Join(o.Dir, corrupt.File), Offset: corrupt.Offset, LSN: uint64(corrupt.LSN), Cause: corrupt.Cause})
		return nil
	}
	if err != nil || len(v.report.Faults) > before {
		return err
	}
	return v.torn(o)
}

// torn measures what stands behind the end of a log that is sound.
func (v *verifier) torn(o wal.Options) error {
	replay, err := wal.Open(o)
	if err != nil {
		return err
	}
	tail, err := replay.Run(func(wal.Frame) error { return v.ctx.Err() }, func(int64) {})
	if err != nil {
		return err
	}
	v.report.TornBytes = tail.Truncated
	tail.Close()
	return nil
}
