package segment

import "sort"

// spans is a set of seqs. They must be added in ascending order.
type spans []span

type span struct{ from, to uint64 } // inclusive

func (s *spans) add(seq uint64) {
	if n := len(*s); n > 0 && (*s)[n-1].to+1 == seq {
		(*s)[n-1].to = seq
		return
	}
	*s = append(*s, span{seq, seq})
}

func (s spans) has(seq uint64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].to >= seq })
	return i < len(s) && s[i].from <= seq
}
