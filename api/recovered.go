package api

import (
	"bytes"
	"time"
)

// Recovered is what the metrics have of the last recovery.
type Recovered struct {
	Took   time.Duration
	Steps  []RecoveryStep // in the order they were gone through
	Failed bool           // it refused the data

	Files, Frames, Records                            int64 // read and applied
	TruncatedBytes, TruncatedFrames, TruncatedRecords int64 // of a torn tail
	LostRanges                                        int64
	PowerLost                                         bool
}

// RecoveryStep is one step of a recovery.
type RecoveryStep struct {
	Name string
	Took time.Duration
}

// recoverySeries is every series of the last recovery but its steps. In the text
// it is a family of this name after topics_recovery_, in JSON a field of this
// name in recovery.
var recoverySeries = []struct {
	name  string
	value func(*Recovered) float64
}{
	{"duration_seconds", func(r *Recovered) float64 { return r.Took.Seconds() }},
	{"failed", func(r *Recovered) float64 { return float64(bit(r.Failed)) }},
	{"files", func(r *Recovered) float64 { return float64(r.Files) }},
	{"frames", func(r *Recovered) float64 { return float64(r.Frames) }},
	{"records", func(r *Recovered) float64 { return float64(r.Records) }},
	{"truncated_bytes", func(r *Recovered) float64 { return float64(r.TruncatedBytes) }},
	{"truncated_frames", func(r *Recovered) float64 { return float64(r.TruncatedFrames) }},
	{"truncated_records", func(r *Recovered) float64 { return float64(r.TruncatedRecords) }},
	{"lost_ranges", func(r *Recovered) float64 { return float64(r.LostRanges) }},
	{"power_lost", func(r *Recovered) float64 { return float64(bit(r.PowerLost)) }},
}

// recovered is the last recovery; nil while there is none.
func (s *Server) recovered() *Recovered {
	if s.opts.Recovered == nil {
		return nil
	}
	return s.opts.Recovered()
}

func (r *Recovered) write(w *bytes.Buffer) {
	for _, series := range recoverySeries {
		sampleFloat(w, "topics_recovery_"+series.name, series.value(r))
	}
	for _, step := range r.Steps {
		sampleFloat(w, `topics_recovery_step_duration_seconds{step="`+escapeLabel(step.Name)+`"}`, step.Took.Seconds())
	}
}

// addTo adds the recovery to the fields of the JSON rendering.
func (r *Recovered) addTo(out map[string]any) {
	for _, series := range recoverySeries {
		out[series.name] = series.value(r)
	}
	steps := make(map[string]float64, len(r.Steps))
	for _, step := range r.Steps {
		steps[step.Name] = step.Took.Seconds()
	}
	out["step_duration_seconds"] = steps
}
