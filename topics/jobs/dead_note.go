package jobs

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// deadNote is what a dead letter's meta says of where it came from.
type deadNote struct {
	From       string // the queue
	Deliveries uint32
	Source     uint64 // its seq there
	Reason     string
}

// The keys of a dead letter's meta.
const (
	deadPrefix     = "$dead_letter_"
	deadFrom       = deadPrefix + "from"
	deadDeliveries = deadPrefix + "deliveries"
	deadSource     = deadPrefix + "src_seq"
	deadReason     = deadPrefix + "reason"
)

// add returns meta, a JSON object or nothing, with the note. It replaces an
// earlier one. All other members stay byte for byte.
func (n *deadNote) add(meta []byte) []byte {
	members := otherMembers(meta)
	text := func(s string) string {
		b, _ := json.Marshal(s) // a string always can be
		return string(b)
	}
	for _, m := range [...][2]string{
		{deadFrom, text(n.From)},
		{deadDeliveries, strconv.FormatUint(uint64(n.Deliveries), 10)},
		{deadSource, strconv.FormatUint(n.Source, 10)},
		{deadReason, text(n.Reason)},
	} {
		members = append(members, []byte(text(m[0])+":"+m[1]))
	}
	return joinMembers(members)
}

// withoutNote returns meta as it was before the note was added: nil if it has
// nothing else.
func withoutNote(meta []byte) []byte {
	members := otherMembers(meta)
	if len(members) == 0 {
		return nil
	}
	return joinMembers(members)
}

// readNote returns the note of a dead letter; false if the record is none.
func readNote(meta []byte) (n deadNote, ok bool) {
	if !bytes.Contains(meta, []byte(deadFrom)) {
		return n, false
	}
	var m struct {
		From       *string `json:"$dead_letter_from"`
		Deliveries uint32  `json:"$dead_letter_deliveries"`
		Source     uint64  `json:"$dead_letter_src_seq"`
		Reason     string  `json:"$dead_letter_reason"`
	}
	err := json.Unmarshal(meta, &m)
	if err != nil || m.From == nil {
		return n, false
	}
	return deadNote{*m.From, m.Deliveries, m.Source, m.Reason}, true
}

func joinMembers(members [][]byte) []byte {
	return append(append([]byte("{"), bytes.Join(members, []byte(","))...), '}')
}

// otherMembers returns the members of a JSON object, as they stand, but for those
// of a note. The object is valid, or there is none.
func otherMembers(meta []byte) (members [][]byte) {
	for rest := inside(meta); len(rest) > 0; {
		n := memberEnd(rest)
		member := bytes.TrimSpace(rest[:n])
		rest = rest[min(n+1, len(rest)):]
		if !isNote(member) {
			members = append(members, member)
		}
	}
	return members
}

// inside returns what is between the braces of an object.
func inside(meta []byte) []byte {
	meta = bytes.TrimSpace(meta)
	if len(meta) < 2 {
		return nil
	}
	return bytes.TrimSpace(meta[1 : len(meta)-1])
}

// memberEnd returns where the first member of p ends: at its comma, or at the end.
func memberEnd(p []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			return i
		}
	}
	return len(p)
}

// isNote reports whether a member is of a note. Its key may have escapes.
func isNote(member []byte) bool {
	end := 1
	for end < len(member) && member[end] != '"' {
		if member[end] == '\\' {
			end++
		}
		end++
	}
	var key string
	err := json.Unmarshal(member[:min(end+1, len(member))], &key)
	return err == nil && strings.HasPrefix(key, deadPrefix)
}
