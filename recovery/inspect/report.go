package inspect

import (
	"fmt"

	"github.com/e6e95bb8/topics/recovery/manifest"
)

// Fault is one damaged place, or two that contradict each other.
type Fault struct {
	File   string `json:"file"` // path
	Offset int64  `json:"offset"`
	LSN    uint64 `json:"lsn,omitempty"`
	Topic  string `json:"topic,omitempty"` // its name, or #id if that is unknown
	From   uint64 `json:"from,omitempty"`  // seqs, inclusive
	To     uint64 `json:"to,omitempty"`
	Cause  string `json:"cause"`
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s at offset %d", f.File, f.Offset)
	if f.LSN > 0 {
		s += fmt.Sprintf(" (lsn %d)", f.LSN)
	}
	s += ": " + f.Cause
	switch {
	case f.To > 0:
		s += fmt.Sprintf(" (topic %s, seqs %d to %d)", f.Topic, f.From, f.To)
	case f.Topic != "":
		s += fmt.Sprintf(" (topic %s)", f.Topic)
	}
	return s
}

// Report is what Verify found.
type Report struct {
	Dir         string  `json:"dir"`
	InUse       string  `json:"in_use,omitempty"`    // the process that uses it; what it is writing may look like faults
	NotOwner    string  `json:"not_owner,omitempty"` // why a server would refuse the cold directory; not a fault
	Manifests   int     `json:"manifests"`
	Checkpoints int     `json:"checkpoints"`
	Topics      int     `json:"topics"` // of the newest checkpoint
	Segments    int     `json:"segments"`
	Records     int64   `json:"records"` // in segments
	Bytes       int64   `json:"bytes"`   // of segments
	Frames      int64   `json:"frames"`  // of the log
	EndLSN      uint64  `json:"end_lsn"`
	TornBytes   int64   `json:"torn_bytes"` // after the log's end; not a fault
	Faults      []Fault `json:"faults"`

	// Manifest is the one that recovery would use, or nil if there is none.
	Manifest *manifest.Manifest `json:"-"`
}

// Sound reports whether there are no faults.
func (r *Report) Sound() bool { return len(r.Faults) == 0 }
