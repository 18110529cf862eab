package health

import "github.com/e6e95bb8/topics/wal"

// The costs beside that of a byte of a frame, which is read, summed and kept:
// about 1 ns for such a byte, 600 ns for a frame, 60 ns for a record
// (BenchmarkReplayOfShapes in package recovery), and 0.35 ns for a byte after
// the frames, which is only looked at. Only their ratio matters: how fast the
// machine is shows in the time passed.
const (
	frameCost  = 600
	recordCost = 60
	restCost   = 0.35
)

// costOf is how long an amount takes to replay, in the time that a byte takes.
func costOf(a wal.Amount) float64 {
	return float64(a.Bytes) + restCost*float64(a.Rest) + frameCost*float64(a.Frames) + recordCost*float64(a.Records)
}
