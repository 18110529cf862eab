package recovery

import "time"

// Report is the account of one recovery: the answer of GET /v0/recovery.
type Report struct {
	Started     time.Time `json:"started"`
	Finished    time.Time `json:"finished"`
	DurationMS  float64   `json:"duration_ms"`
	BytesPerSec float64   `json:"bytes_per_second"` // of the replay phase
	// Phases are the steps in their order.
	Phases []PhaseTime `json:"phases"`

	// What was read and applied.
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Frames  int64 `json:"frames_replayed"`
	Records int64 `json:"records_replayed"`

	// What was truncated with a torn tail: never anything that had been synced.
	BytesTruncated   int64 `json:"bytes_truncated"`
	FramesTruncated  int64 `json:"frames_truncated"`
	RecordsTruncated int64 `json:"records_truncated"`

	// PowerLost means that the page cache did not survive since the last run, so
	// topics jumped to their reserved ceilings.
	PowerLost     bool `json:"power_lost"`
	CleanShutdown bool `json:"clean_shutdown"`

	LostRanges      []LostRange `json:"lost_ranges"`       // the first ones
	LostRangesTotal int         `json:"lost_ranges_total"` // all of them

	// Checkpoint is the name of the snapshot that replay began from. It is left
	// out if the log was read from its beginning.
	Checkpoint    string `json:"checkpoint,omitempty"`
	SnapshotBytes int64  `json:"checkpoint_bytes,omitempty"`
	Segments      int    `json:"segments,omitempty"`
	// CheckpointFallback is the reason why the checkpoint before it was used.
	CheckpointFallback string `json:"checkpoint_fallback,omitempty"`
	// ManifestFallback is the reason why the previous manifest was used.
	ManifestFallback string `json:"manifest_fallback,omitempty"`
	// Error is the reason why recovery refused.
	Error string `json:"error,omitempty"`
}

// PhaseTime is how long one step of recovery took.
type PhaseTime struct {
	Name       string  `json:"name"`
	DurationMS float64 `json:"duration_ms"`
}

// NewReport begins a report.
func NewReport(started time.Time) *Report {
	return &Report{Started: started, Phases: []PhaseTime{}, LostRanges: []LostRange{}}
}

// Phase adds a step that took d. The step ReplayStep sets the rate.
func (r *Report) Phase(name string, d time.Duration) {
	r.Phases = append(r.Phases, PhaseTime{Name: name, DurationMS: millis(d)})
	if name == ReplayStep && d > 0 {
		r.BytesPerSec = float64(r.Bytes) / d.Seconds()
	}
}

// ReplayStep is the step of recovery that reads the log.
const ReplayStep = "replay"

// Finish completes the report. err is the reason why recovery refused, or nil.
func (r *Report) Finish(now time.Time, err error) {
	r.Finished = now
	r.DurationMS = millis(now.Sub(r.Started))
	if err != nil {
		r.Error = err.Error()
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
