package metrics

import "time"

// Recovered is what the metrics show of the last recovery.
type Recovered struct {
	Took   time.Duration
	Steps  []RecoveryStep // in the order of the recovery
	Failed bool           // whether it refused the data

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

var recoverySeries = []series{
	{"topics_recovery_bytes_done", "bytes_done", func(r *Readings) any { return r.Progress.BytesDone }},
	{"topics_recovery_bytes_total", "bytes_total", func(r *Readings) any { return r.Progress.BytesTotal }},
	{"topics_recovery_duration_seconds", "duration_seconds", recovered(func(l *Recovered) any { return l.Took.Seconds() })},
	{"topics_recovery_failed", "failed", recovered(func(l *Recovered) any { return bit(l.Failed) })},
	{"topics_recovery_files", "files", recovered(func(l *Recovered) any { return float64(l.Files) })},
	{"topics_recovery_frames", "frames", recovered(func(l *Recovered) any { return float64(l.Frames) })},
	{"topics_recovery_records", "records", recovered(func(l *Recovered) any { return float64(l.Records) })},
	{"topics_recovery_truncated_bytes", "truncated_bytes", recovered(func(l *Recovered) any { return float64(l.TruncatedBytes) })},
	{"topics_recovery_truncated_frames", "truncated_frames", recovered(func(l *Recovered) any { return float64(l.TruncatedFrames) })},
	{"topics_recovery_truncated_records", "truncated_records", recovered(func(l *Recovered) any { return float64(l.TruncatedRecords) })},
	{"topics_recovery_lost_ranges", "lost_ranges", recovered(func(l *Recovered) any { return float64(l.LostRanges) })},
	{"topics_recovery_power_lost", "power_lost", recovered(func(l *Recovered) any { return bit(l.PowerLost) })},
	{"topics_recovery_step_duration_seconds", "", recovered(func(l *Recovered) any {
		all := make([]sample, len(l.Steps))
		for i, step := range l.Steps {
			all[i] = sample{labels("step", step.Name), step.Took.Seconds()}
		}
		return all
	})},
	{"", "step_duration_seconds", recovered(func(l *Recovered) any {
		steps := make(map[string]float64, len(l.Steps))
		for _, step := range l.Steps {
			steps[step.Name] = step.Took.Seconds()
		}
		return steps
	})},
}

// recovered returns a value of the last recovery, nil if there is none.
func recovered(value func(*Recovered) any) func(*Readings) any {
	return func(r *Readings) any {
		if r.Recovered == nil {
			return nil
		}
		return value(r.Recovered)
	}
}
