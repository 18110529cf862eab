package topic

import (
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// origins iterates over the records of a frame and returns where each is stored.
type origins struct {
	own  wal.LSN
	runs []entry.Run
	at   int
}

func OriginsOf(b entry.Batch, lsn wal.LSN) origins { return origins{lsn, b.Runs, 0} }

func (o *origins) Next() (at wal.LSN, record int, strip byte) {
	if o.runs == nil {
		o.at++
		return o.own, o.at - 1, 0
	}
	for o.at >= o.runs[0].Count {
		o.runs, o.at = o.runs[1:], 0
	}
	o.at++
	return o.runs[0].At, o.runs[0].From + o.at - 1, o.runs[0].Strip
}
