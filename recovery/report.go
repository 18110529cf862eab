package recovery

import "time"

// maxLostRanges is how many lost ranges a report lists; the rest are counted.
const maxLostRanges = 1000

// Report is the account of one recovery: the answer of GET /v0/recovery.
type Report struct {
	Started     time.Time `json:"started"`
	Finished    time.Time `json:"finished"`
	DurationMS  float64   `json:"duration_ms"`
	BytesPerSec float64   `json:"bytes_per_second"` // of the replay phase
	// Phases in the order they were gone through.
	Phases []PhaseTime `json:"phases"`

	// What was read and applied.
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Frames  int64 `json:"frames_replayed"`
	Records int64 `json:"records_replayed"`

	// What a torn tail took with it: never anything that had been synced.
	BytesTruncated   int64 `json:"bytes_truncated"`
	FramesTruncated  int64 `json:"frames_truncated"`
	RecordsTruncated int64 `json:"records_truncated"`

	// PowerLost: the page cache did not survive since the last run, so topics
	// jumped to their reserved ceilings.
	PowerLost     bool `json:"power_lost"`
	CleanShutdown bool `json:"clean_shutdown"`

	LostRanges      []LostRange `json:"lost_ranges"`       // the first ones
	LostRangesTotal int         `json:"lost_ranges_total"` // all of them

	// Checkpoint names the checkpoint that replay began from; left out when
	// the log was read from its beginning.
	Checkpoint string `json:"checkpoint,omitempty"`
	StateBytes int64  `json:"checkpoint_bytes,omitempty"`
	Segments   int    `json:"segments,omitempty"`
	// CheckpointFallback says why the checkpoint before it was used.
	CheckpointFallback string `json:"checkpoint_fallback,omitempty"`
	// ManifestFallback says why the previous manifest was used.
	ManifestFallback string `json:"manifest_fallback,omitempty"`
	// Error is why recovery refused.
	Error string `json:"error,omitempty"`
}

// PhaseTime is how long one step of recovery took.
type PhaseTime struct {
	Name       string  `json:"name"`
	DurationMS float64 `json:"duration_ms"`
}

// LostRange is a range of seqs that a topic will never deliver, both ends
// included.
type LostRange struct {
	Topic  string `json:"topic"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Reason string `json:"reason"`
	// AtLeast is how many of the seqs are known to have been given to records.
	AtLeast uint64 `json:"missed_at_least"`
}

// NewReport begins a report.
func NewReport(started time.Time) *Report {
	return &Report{Started: started, Phases: []PhaseTime{}, LostRanges: []LostRange{}}
}

// Phase adds a step that took d. The step named "replay" gives the rate.
func (r *Report) Phase(name string, d time.Duration) {
	r.Phases = append(r.Phases, PhaseTime{Name: name, DurationMS: millis(d)})
	if name == ReplayStep && d > 0 {
		r.BytesPerSec = float64(r.Bytes) / d.Seconds()
	}
}

// ReplayStep is the step of recovery that reads the log.
const ReplayStep = "replay"

// Lost adds a lost range; beyond a bound it is only counted.
func (r *Report) Lost(l LostRange) {
	r.LostRangesTotal++
	if len(r.LostRanges) < maxLostRanges {
		r.LostRanges = append(r.LostRanges, l)
	}
}

// Finish closes the report; err is why recovery refused, or nil.
func (r *Report) Finish(now time.Time, err error) {
	r.Finished = now
	r.DurationMS = millis(now.Sub(r.Started))
	if err != nil {
		r.Error = err.Error()
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
