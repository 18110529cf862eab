package recovery

import (
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// progress keeps the gate up to date with a replay.
type progress struct {
	gate     *health.Gate
	through  wal.LSN // the snapshot has most of what is before it
	forecast *wal.Forecast
	done     wal.Amount
}

// follow begins to show the replay on the gate. Replay skips most records before
// through.
func follow(gate *health.Gate, replay *wal.Replay, through wal.LSN) (p *progress, err error) {
	p = &progress{gate: gate, through: through}
	if p.forecast, err = replay.Forecast(p.records); err != nil {
		return nil, err
	}
	gate.Replaying(p.forecast.Total.Bytes)
	return p, nil
}

func (p *progress) records(f wal.Frame) int {
	if f.LSN < p.through {
		return 0
	}
	return entry.CountPrefix(f.Type, f.Payload)
}

// applied counts a frame.
func (p *progress) applied(f wal.Frame) {
	p.done.Frames++
	p.done.Records += int64(p.records(f))
}

// read advances the gate. bytes is how many bytes of the log have been read.
func (p *progress) read(bytes int64) {
	p.done.Bytes = min(bytes, p.forecast.Total.Bytes)
	p.done.Rest = min(bytes-p.done.Bytes, p.forecast.Total.Rest)
	p.gate.Advance(p.done, p.forecast.Left(bytes))
}
