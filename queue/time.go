package queue

// Time is one moment on both clocks, in milliseconds. Mono never goes back and
// counts the time that passes; Wall is the calendar's time and may jump. Leases,
// delays and back-offs follow Mono, a job's NotBefore follows Wall.
type Time struct{ Mono, Wall int64 }

// wall converts a time on the monotonic clock to the wall clock, which is how
// a time is kept across a restart.
func (t Time) wall(mono int64) int64 { return mono - t.Mono + t.Wall }

// mono converts a wall-clock time to the monotonic clock.
func (t Time) mono(wall int64) int64 { return wall - t.Wall + t.Mono }
