// Package render writes what several answers have in common: records, what a
// write answers, and JSON strings.
package render

import (
	"strconv"
	"unicode/utf8"

	"github.com/e6e95bb8/topics/topics/record"
)

// Fields are the optional members of a record.
type Fields struct {
	Data, Meta, Tags bool
	Preview          int // data of more bytes is left out, and its beginning shown; 0 for none
}

// Overhead is about what a record's server fields and punctuation take, in
// bytes.
const Overhead = 96

// Size is about what records take when they are rendered, in bytes.
func Size(records []record.Record) (n int) {
	for i := range records {
		r := &records[i]
		n += len(r.Data) + len(r.Meta) + len(r.Tag) + len(r.Node) + len(r.Job) + Overhead
	}
	return n
}

// Record appends r as a JSON object. Payloads are copied as they are.
func Record(b []byte, r *record.Record, f Fields) []byte {
	b = append(b, `{"$seq":`...)
	b = strconv.AppendUint(b, r.Seq, 10)
	b = append(b, `,"$ts":`...)
	b = strconv.AppendInt(b, r.TS, 10)
	return append(Members(b, r, f), '}')
}

// Members appends what follows a record's $seq and $ts, beginning with a comma
// unless there is nothing.
func Members(b []byte, r *record.Record, f Fields) []byte {
	if r.Node != nil {
		b = String(append(b, `,"$node":`...), r.Node)
	}
	if f.Tags && r.Tag != nil {
		b = String(append(b, `,"$tag":`...), r.Tag)
	}
	if r.Job != nil {
		b = job(b, r.Job)
	}
	switch {
	case !f.Data:
	case f.Preview > 0 && len(r.Data) > f.Preview:
		b = String(append(b, `,"data_preview":`...), beginning(r.Data, f.Preview))
		b = strconv.AppendInt(append(b, `,"data_bytes":`...), int64(len(r.Data)), 10)
	default:
		b = append(b, `,"data":`...)
		b = append(b, r.Data...)
	}
	if f.Meta && r.Meta != nil {
		b = append(b, `,"meta":`...)
		b = append(b, r.Meta...)
	}
	return b
}

// beginning returns the first bytes of a text, cut before a character that is not whole.
func beginning(text []byte, bytes int) []byte {
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}

// job appends what a record's write said of its job. A job that cannot be decoded
// says nothing.
func job(b, encoded []byte) []byte {
	j, err := record.DecodeJob(encoded)
	if err != nil {
		return b
	}
	if j.Group != nil {
		b = String(append(b, `,"$group":`...), j.Group)
	}
	if j.Key != nil {
		b = String(append(b, `,"$unique_key":`...), j.Key)
	}
	if j.Priority != 0 {
		b = strconv.AppendInt(append(b, `,"$priority":`...), int64(j.Priority), 10)
	}
	return b
}

// String appends text as a JSON string. Invalid UTF-8, which no writer can
// store, comes out as U+FFFD.
func String(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRune(text[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return append(b, '"')
}
