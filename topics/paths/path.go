package paths

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// A forwarded record carries its path: the ids of the topics that it was in
// before this one, oldest first, as varints. It is never forwarded to a topic on
// its path, nor, in a cycle, further than MaxHops. A record that has come that far
// enters no cycle any more, so the rest of its path need not be known: in a long
// chain of routers a record carries at most MaxHops ids.

// MaxHops is the maximum number of times that a record is forwarded inside cycles.
const MaxHops = 16

// Extend returns the path of a record that is forwarded from the topic id to dest. It
// returns false if the record may not go there because it has been there.
func Extend(path []byte, id, dest uint64) ([]byte, bool) {
	n := 0
	for d := record.NewDecoder(path); d.Left() > 0; n++ {
		if d.Uvarint() == dest {
			return nil, false
		}
	}
	switch {
	case id == dest:
		return nil, false
	case n >= MaxHops:
		return path, true
	}
	return binary.AppendUvarint(path[:len(path):len(path)], id), true
}

// Hops returns the number of times that a record with that path has been
// forwarded, up to MaxHops.
func Hops(path []byte) (n int) {
	for d := record.NewDecoder(path); d.Left() > 0; n++ {
		d.Uvarint()
	}
	return n
}
