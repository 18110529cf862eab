package manifest

import (
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/wal"
)

// Manifest describes a data directory: its log, the checkpoints that recovery
// can begin from, and how the last run ended. On disk:
//
//	0        8         12        16         24
//	+--------+---------+---------+----------+--------------------+
//	| magic  | version | length  | checksum | JSON, length bytes |
//	+--------+---------+---------+----------+--------------------+
//
// little endian; the checksum is XXH3 over everything else. This frame stays
// the same in every later version, so that a newer file is not taken for a
// damaged one.
type Manifest struct {
	FormatVersion uint32 `json:"-"`
	LogID         uint64 `json:"log_id"`
	BootID        string `json:"boot_id"`         // of the boot that wrote it
	Mount         string `json:"mount,omitempty"` // that had the log then; empty if it was unknown
	NewestFile    uint64 `json:"newest_file"`     // number of the newest log file known
	// EndLSN is a position that the log had reached when the manifest was
	// written. The log may have gone further since.
	EndLSN        uint64 `json:"end_lsn"`
	CleanShutdown bool   `json:"clean_shutdown"`
	// Failed means that a write or sync of the log has failed. What it had not
	// synced counts as lost until a start has logged the lost ranges.
	Failed bool `json:"failed,omitempty"`
	// Instance is drawn for each data directory, a restored one included, and
	// marks the cold directory as its own. It is 0 until it has been drawn.
	Instance uint64 `json:"instance,omitempty"`
	// ColdGeneration is the generation that the cold directory's OWNER has, or
	// is about to get; ColdBefore is the one that it has until then.
	ColdGeneration uint64 `json:"cold_generation,omitempty"`
	ColdBefore     uint64 `json:"cold_generation_before,omitempty"`
	// Starts counts the starts that got as far as serving. It is 0 in manifests
	// of versions that did not count.
	Starts uint64 `json:"starts,omitempty"`

	// Checkpoint is where recovery begins. Previous is the one before it, from
	// which recovery can begin, too. Without either it reads the log from its
	// beginning.
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Previous   *Checkpoint `json:"previous,omitempty"`

	// LogBegin is set by a repair to the position at which the next start
	// begins a log in the file of the checkpoint. It is 0 if the log is there.
	LogBegin uint64 `json:"log_begin,omitempty"`
	// Unfinished means that a restore has begun to fill the directory and has
	// not ended.
	Unfinished bool `json:"unfinished,omitempty"`

	// Fallback is the reason why the newest manifest was not used, if this is
	// the previous one. It is not stored.
	Fallback error `json:"-"`
}

// Taken returns the highest number of a checkpoint and the highest id of a
// segment that the manifest names. Neither is used again, even if its file is
// missing.
func (m *Manifest) Taken() (checkpoint, segment uint64) {
	for _, c := range []*Checkpoint{m.Checkpoint, m.Previous} {
		if c == nil {
			continue
		}
		checkpoint = max(checkpoint, c.Number)
		for _, ref := range c.Segments {
			segment = max(segment, ref.ID)
		}
	}
	return checkpoint, segment
}

// Checkpoints returns the checkpoints that the manifest names, the newest
// first, each once.
func (m *Manifest) Checkpoints() (out []*Checkpoint) {
	for _, c := range []*Checkpoint{m.Checkpoint, m.Previous} {
		if c != nil && (len(out) == 0 || out[0].Number != c.Number) {
			out = append(out, c)
		}
	}
	return out
}

// OldestCheckpoint returns the oldest checkpoint that recovery may begin from,
// or nil if that may be the log's beginning.
func (m *Manifest) OldestCheckpoint() *Checkpoint { return m.Previous }

// FirstFile returns the index of the oldest log file that any recovery needs.
// It is 0 if a recovery may need all of them.
func (m *Manifest) FirstFile() uint64 {
	if m.Previous == nil {
		return 0
	}
	return m.Previous.File
}

// Durable returns the position up to which the log is known to have been
// durable. The log was synced to a checkpoint's Start and Through before the
// manifest named that checkpoint, so a log that ends below Durable is damaged.
func (m *Manifest) Durable() wal.LSN {
	at := m.EndLSN
	for _, c := range []*Checkpoint{m.Checkpoint, m.Previous} {
		if c != nil {
			at = max(at, c.Start, c.Through)
		}
	}
	return wal.LSN(at)
}

// LogOptions completes o, which has the file system and sizes, for reading the
// log of the data directory dir with that manifest: from a checkpoint on, or
// from its beginning if from is nil. Whatever opens the log of a data directory
// gets its options here.
func (m *Manifest) LogOptions(o wal.Options, dir string, from *Checkpoint) wal.Options {
	o.Dir = path.Join(dir, LogDir)
	o.LogID, o.Newest, o.Synced, o.Begin = m.LogID, m.NewestFile, m.Durable(), wal.LSN(m.LogBegin)
	if m.Fallback != nil {
		// The first manifest names no file of the log; the one after it, which is
		// damaged or missing, was written when the log had one.
		o.Newest = max(o.Newest, 1)
	}
	if from != nil {
		o.First, o.Start = from.File, wal.LSN(from.Start)
	}
	return o
}

// PowerLost reports whether the page cache that the last run wrote to may be
// gone, and with it what was not synced. Only the same boot and the same mount
// prove that it is still there, and not even they do after the log has failed:
// the kernel may have dropped pages that it could not write. A previous
// manifest does not have what the newest one had. Whatever is unknown counts as
// lost: that costs a gap in the numbers, while the contrary would lose records
// silently.
func (m *Manifest) PowerLost(boot, mount string) bool {
	same := boot != "" && m.BootID == boot && mount != "" && m.Mount == mount
	return !same || m.Failed || m.Fallback != nil
}

// Tail returns the kind of end that the log can have. A fallback is damage, and
// the manifest that is gone may have been the proof that the log went further: no
// end passes for a torn one then.
func (m *Manifest) Tail(boot, mount string) wal.TailKind {
	switch {
	case m.Fallback != nil:
		return wal.TailDamaged
	case m.PowerLost(boot, mount):
		return wal.TailPower
	}
	return wal.TailKill
}

// Owns returns an *OwnerError unless a data directory with this manifest may
// use the cold directory dir, which has that owner.
func (m *Manifest) Owns(dir string, owner Owner) error {
	e := &OwnerError{File: path.Join(dir, OwnerName)}
	switch {
	case owner == Owner{}:
		return nil
	case owner.Instance != m.Instance:
		e.Cause = fmt.Sprintf("says that the directory belongs to another data directory (%016x, this one is %016x): "+
			"use another one, or remove that file if the other is gone for good", owner.Instance, m.Instance)
		return e
	case owner.Generation != m.ColdGeneration && owner.Generation != m.ColdBefore:
		e.Cause = fmt.Sprintf("says that another copy of this data directory has gone on with the directory (generation %016x, this one has %016x): "+
			"start that copy, or remove that file if it is gone for good and topics verify finds all segments of this one",
			owner.Generation, m.ColdGeneration)
		return e
	}
	return nil
}
