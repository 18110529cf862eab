package session

import "github.com/e6e95bb8/topics/api/watch"

// Position is where in a topic a watch begins.
type Position struct {
	FromSeq     uint64 `json:"from_seq"`
	HeadSeq     uint64 `json:"head_seq"`
	EarliestSeq uint64 `json:"earliest_seq"`
}

// ViewPositions returns positions as they are shown.
func ViewPositions(positions map[string]watch.Position) map[string]Position {
	view := make(map[string]Position, len(positions))
	for topic, p := range positions {
		view[topic] = Position{p.From, p.Head, p.Earliest}
	}
	return view
}
