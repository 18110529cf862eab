package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
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

// add returns meta, a JSON object or nothing, with the note at its end. It replaces
// an earlier one. All the rest stays byte for byte.
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
	var err error
	for _, member := range membersOf(meta) {
		key, value := splitMember(member)
		var field any
		switch key {
		case deadFrom:
			field, ok = &n.From, true
		case deadDeliveries:
			field = &n.Deliveries
		case deadSource:
			field = &n.Source
		case deadReason:
			field = &n.Reason
		default:
			continue
		}
		err = errors.Join(err, json.Unmarshal(value, field))
	}
	if !ok || err != nil || n.From == "" { // null is no name
		return deadNote{}, false
	}
	return n, true
}

func joinMembers(members [][]byte) []byte {
	return append(append([]byte("{"), bytes.Join(members, []byte(","))...), '}')
}

// otherMembers returns the members of a JSON object but for those of a note. The
// object is valid, or there is none.
func otherMembers(meta []byte) [][]byte {
	return slices.DeleteFunc(membersOf(meta), func(member []byte) bool {
		key, _ := splitMember(member)
		return strings.HasPrefix(key, deadPrefix)
	})
}

// membersOf returns the members of a JSON object as they stand, with the white space
// around them: joined by commas they are the inside of the object again.
func membersOf(meta []byte) (members [][]byte) {
	meta = bytes.TrimSpace(meta)
	if len(meta) < 2 || len(bytes.TrimSpace(meta[1:len(meta)-1])) == 0 {
		return nil
	}
	for rest := meta[1 : len(meta)-1]; len(rest) > 0; {
		n := memberEnd(rest)
		members = append(members, rest[:n])
		rest = rest[min(n+1, len(rest)):]
	}
	return members
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

// splitMember returns the key of a member, which may have escapes, and its value.
func splitMember(member []byte) (key string, value []byte) {
	member = bytes.TrimSpace(member)
	end := 1
	for end < len(member) && member[end] != '"' {
		if member[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end+1, len(member))
	if json.Unmarshal(member[:end], &key) != nil {
		return "", nil
	}
	_, value, _ = bytes.Cut(member[end:], []byte(":"))
	return key, value
}
