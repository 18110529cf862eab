package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// LogOptions returns the options for reading the log of the directory, from the
// oldest checkpoint of m on, or from its beginning if m is nil.
func (d Dir) LogOptions(m *manifest.Manifest) wal.Options {
	if m == nil {
		m = &manifest.Manifest{}
	}
	return m.LogOptions(wal.Options{FS: d.FS, ReadOnly: true, Tail: m.Tail(d.BootID, d.Mount)}, d.Path, m.Previous)
}

// log reads the log from the oldest checkpoint on. The log must reach as far as
// it is known to have been durable and as far as the snapshots do: a shorter one
// is damaged, not torn. Once a fault has been found the tail is judged as that of
// a damaged directory, so that what follows in it is found, too.
func (v *verifier) log() error {
	m := v.report.Manifest
	if m == nil {
		return nil // without a manifest its beginning is unknown
	}
	o := v.LogOptions(m)
	o.Synced = max(o.Synced, v.reach)
	if !v.report.Sound() {
		o.Tail = wal.TailDamaged
	}
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
	refs := topic.NewReferences(replay.NewReader)
	end, err := replay.Salvage(func(f wal.Frame) error {
		v.report.Frames++
		if _, err := entry.Describe(f.Type, f.Payload); err != nil {
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
	}, func(d *wal.CorruptionError) error {
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
	return err
}

// rehearsalCache is how many bytes of segments a rehearsal keeps in memory.
const rehearsalCache = 16 << 20

// rehearse checks that a start would take the directory, by running the code of
// a start without its changes. It comes last, if no other check has found a
// fault: a refusal that they did not explain is a fault of its own.
func (v *verifier) rehearse() error {
	report, err := recovery.Rehearse(v.ctx, recovery.Options{
		FS: v.FS, Dir: v.Path, BootID: v.BootID, Mount: v.Mount, Log: zerolog.Nop(),
		Storage: store.Settings{ColdDir: v.Cold, CacheBytes: rehearsalCache},
	})
	if err == nil {
		v.report.TornBytes = report.BytesTruncated
		return nil
	}
	if v.ctx.Err() != nil || failed(err) {
		return err
	}
	f := Fault{File: v.Path, Cause: "a start refuses it: " + err.Error()}
	if corrupt := new(wal.CorruptionError); errors.As(err, &corrupt) {
		f = Fault{File: path.Join(v.dir(manifest.LogDir), corrupt.File), Offset: corrupt.Offset, LSN: uint64(corrupt.LSN), Cause: corrupt.Cause}
	}
	v.fault(f)
	return nil
}

// failed reports whether err is the system's and not about what was read. A
// missing file is about what was read.
func failed(err error) bool {
	path, errno := new(fs.PathError), syscall.Errno(0)
	return (errors.As(err, &path) || errors.As(err, &errno)) && !errors.Is(err, fs.ErrNotExist)
}
