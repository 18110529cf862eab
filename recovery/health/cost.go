package health

import "github.com/e6e95bb8/topics/wal"

// The cost of a frame and of a record beside that of a byte: about 0.35 ns for
// a byte, which is read and summed, or looked at after the frames, 300 ns for a
// frame and 150 ns for a record. Only their ratio matters: how fast the machine
// is shows in the time passed.
const (
	frameCost  = 850
	recordCost = 430
)

// costOf is how long an amount takes to replay, in the time that a byte takes.
func costOf(a wal.Amount) float64 {
	return float64(a.Bytes+a.Rest) + frameCost*float64(a.Frames) + recordCost*float64(a.Records)
}
