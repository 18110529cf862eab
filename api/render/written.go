package render

import (
	"strconv"

	"github.com/e6e95bb8/topics/topics/topic"
)

// Written renders the members of a write's answer, without the performance
// block.
func Written(b []byte, x string, done *topic.Written, seqs bool) []byte {
	b = append(b, `"topic":"`...)
	b = append(b, x...) // a checked name needs no escapes
	b = append(b, `","first_seq":`...)
	b = strconv.AppendUint(b, done.First, 10)
	b = append(b, `,"last_seq":`...)
	b = strconv.AppendUint(b, done.Last, 10)
	switch {
	case seqs && done.Unique != nil:
		b = appendSeqs(append(b, `,"seqs":`...), done.Unique.Seqs)
	case seqs:
		b = append(b, `,"seqs":[`...)
		for seq := done.First; seq <= done.Last; seq++ {
			if seq > done.First {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, seq, 10)
		}
		b = append(b, ']')
	}
	if u := done.Unique; u != nil && len(u.Deduped) > 0 {
		b = appendSeqs(append(b, `,"deduped_seqs":`...), u.Deduped)
	}
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, done.Head, 10)
	b = append(b, `,"count":`...)
	count := done.Count
	if done.Unique != nil {
		count = len(done.Unique.Seqs)
	}
	b = strconv.AppendInt(b, int64(count), 10)
	b = append(b, `,"created":`...)
	b = strconv.AppendBool(b, done.Created)
	b = append(b, `,"deduped":`...)
	return strconv.AppendBool(b, done.Deduped)
}

func appendSeqs(b []byte, seqs []uint64) []byte {
	b = append(b, '[')
	for i, seq := range seqs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, seq, 10)
	}
	return append(b, ']')
}
