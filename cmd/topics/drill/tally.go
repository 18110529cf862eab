package drill

import (
	"fmt"
	"sync"
)

// Tally is what was observed for one durability class.
type Tally struct {
	AckedWrites  int64 `json:"acked_writes"`
	AckedRecords int64 `json:"acked_records"`
	// Deduped counts retries that were answered with the seqs of the first write.
	Deduped int64 `json:"deduped"`
	// Deletes counts answered deletions, and DeletedRecords the records that were
	// deleted according to the answers.
	Deletes        int64 `json:"deletes"`
	DeletedRecords int64 `json:"deleted_records"`
	// Checked counts records read in the checks.
	Checked int64 `json:"checked"`
	// Copied counts copies read in the checks of routers' destinations.
	Copied int64 `json:"copied"`
	// Lost counts promised records (acknowledged, or read before a kill) that are
	// not at their seq, of classes that survive a kill.
	Lost int64 `json:"lost"`
	// Declared counts promised records of the weaker classes that are lost and in
	// a tombstone.
	Declared int64 `json:"declared"`
	// Undeleted counts records read after they were certainly deleted.
	Undeleted int64 `json:"undeleted"`
	// Duplicates counts ops found at more than one place.
	Duplicates int64 `json:"duplicates"`
	// Partial counts batches found without some of their records.
	Partial int64 `json:"partial"`
	// Reused counts batches at a seq that is known to be another record's.
	Reused int64 `json:"reused"`
	// Gaps counts seqs that were neither delivered, nor deleted, nor in a
	// tombstone.
	Gaps int64 `json:"gaps"`
	// Damaged counts records whose bytes differ from those written.
	Damaged int64 `json:"damaged"`
	// Unexpected counts answers that the contract does not allow.
	Unexpected int64 `json:"unexpected"`
}

// add adds o to t.
func (t *Tally) add(o *Tally) {
	t.AckedWrites += o.AckedWrites
	t.AckedRecords += o.AckedRecords
	t.Deduped += o.Deduped
	t.Deletes += o.Deletes
	t.DeletedRecords += o.DeletedRecords
	t.Checked += o.Checked
	t.Copied += o.Copied
	t.Lost += o.Lost
	t.Declared += o.Declared
	t.Undeleted += o.Undeleted
	t.Duplicates += o.Duplicates
	t.Partial += o.Partial
	t.Reused += o.Reused
	t.Gaps += o.Gaps
	t.Damaged += o.Damaged
	t.Unexpected += o.Unexpected
}

// broken returns the number of broken promises.
func (t *Tally) broken() int64 {
	return t.Lost + t.Undeleted + t.Duplicates + t.Partial + t.Reused + t.Gaps + t.Damaged + t.Unexpected
}

// maxFindings bounds the findings that are described; all are counted.
const maxFindings = 20

// findings describes the first broken promises. It is safe for concurrent use.
type findings struct {
	mu    sync.Mutex
	words []string
}

func (f *findings) addf(format string, a ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.words) < maxFindings {
		f.words = append(f.words, fmt.Sprintf(format, a...))
	}
}

func (f *findings) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.words...)
}
