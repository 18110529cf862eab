package recovery

import (
	"github.com/e6e95bb8/topics/topics/replay"
)

// maxLostRanges is how many lost ranges a report lists; the rest are counted.
const maxLostRanges = 1000

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

// Lost adds a lost range. From maxLostRanges on it only counts.
func (r *Report) Lost(l LostRange) {
	r.LostRangesTotal++
	if len(r.LostRanges) < maxLostRanges {
		r.LostRanges = append(r.LostRanges, l)
	}
}

func (r *Report) lose(losses []replay.Loss) {
	for _, l := range losses {
		r.Lost(LostRange{Topic: l.Topic, From: l.From, To: l.To, Reason: l.Reason, AtLeast: l.AtLeast})
	}
}

// warnedLosses is how many lost ranges are logged one by one.
const warnedLosses = 20

func (s *start) warnOfLosses(losses []replay.Loss) {
	shown := losses[:min(len(losses), warnedLosses)]
	for _, l := range shown {
		s.opts.Log.Warn().Str("topic", l.Topic).Uint64("from", l.From).Uint64("to", l.To).Str("reason", l.Reason).
			Uint64("missed_at_least", l.AtLeast).Msg("seqs may have been given out and have no records")
	}
	rest := losses[len(shown):]
	if len(rest) == 0 {
		return
	}
	var seqs uint64
	for _, l := range rest {
		seqs += l.To - l.From + 1
	}
	s.opts.Log.Warn().Int("topics", len(rest)).Uint64("seqs", seqs).Msg("more topics have such seqs; GET /v0/recovery lists them")
}
