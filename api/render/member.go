package render

import (
	"strconv"
)

// Member appends a member of an object whose value is a text that needs no escapes.
func Member(b []byte, name, text string) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(append(b, text...), '"')
}

// Number appends a member of an object whose value is a number.
func Number(b []byte, name string, n uint64) []byte {
	b = append(append(append(b, '"'), name...), `":`...)
	return strconv.AppendUint(b, n, 10)
}
