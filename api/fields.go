package api

import (
	"slices"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/api/scan"
)

// fields reads a request body's fields and names them in its errors. Like the
// Scanner it keeps the first error and answers zero values after it; finish
// reports it. Decoded byte slices alias the body.
type fields struct {
	scan.Scanner
	scope  string // stands before the names of a nested object, like "config."
	record int    // index of the record being read, -1 outside of records
	notes  *notices
	err    error
}

// readFields begins to read a body. What it lets pass goes to notes.
func readFields(body []byte, notes *notices) fields {
	return fields{Scanner: scan.New(body), record: -1, notes: notes}
}

// object enters the body, or the object that field name holds.
func (f *fields) object(name string) {
	f.Object()
	f.check(name)
}

// next moves to the next field of the present object.
func (f *fields) next() bool { return f.err == nil && f.Field() }

// element moves to the next element of the present array.
func (f *fields) element() bool { return f.err == nil && f.Element() }

// check names the field whose value was not what was asked for.
func (f *fields) check(name string) bool {
	e := f.Failure()
	if e != nil && e.Value {
		f.refuse(name, "%s", e)
	}
	return e == nil && f.err == nil
}

// refuse fails with a bad value of a field.
func (f *fields) refuse(name, format string, a ...any) {
	if f.err == nil {
		f.err = invalidField(f.where(name), format, a...)
	}
}

// where is a field's full name, like records[3].tag.
func (f *fields) where(name string) string {
	if f.record < 0 {
		return f.scope + name
	}
	where := "records[" + strconv.Itoa(f.record) + "]"
	if name == "" {
		return where
	}
	return where + "." + name
}

// absent reports whether the present field's value is null, where that means
// that the field is not there. A name that is none of those known is noted.
func (f *fields) absent(known []string) bool {
	name := f.Name()
	if !f.Null() {
		return false
	}
	f.checkName(name, known)
	return true
}

// unknown steps over the present field, which the object does not have. known
// are those that it has.
func (f *fields) unknown(known []string) {
	f.checkName(f.Name(), known)
	f.Skip()
}

func (f *fields) checkName(name []byte, known []string) {
	if slices.Contains(known, string(name)) || f.err != nil || f.notes.full() {
		return
	}
	text := string(name[:min(len(name), 2*maxQuoted)])
	f.note(text, unknown(f.place(), "field", text, known))
}

// note adds a warning about a field of the present object.
func (f *fields) note(name, warning string) {
	if err := f.notes.add(f.where(name), warning); err != nil && f.err == nil {
		f.err = err
	}
}

// place is the full name of the object whose fields are being read. It is empty
// for the body itself.
func (f *fields) place() string {
	if f.record < 0 {
		return strings.TrimSuffix(f.scope, ".")
	}
	return f.where("")
}

func (f *fields) bool(name string) bool {
	v := f.Bool()
	f.check(name)
	return v
}

func (f *fields) int(name string) int64 {
	v := f.Int()
	f.check(name)
	return v
}

// valid reports whether nothing has gone wrong so far.
func (f *fields) valid() bool { return f.err == nil && f.Failure() == nil }

// size reads an integer that must not be negative.
func (f *fields) size(name string) int64 {
	v := f.int(name)
	if v < 0 {
		f.refuse(name, "is %d; it must not be negative", v)
	}
	return v
}

func (f *fields) uint(name string) uint64 {
	v := f.Uint()
	f.check(name)
	return v
}

// text reads a string of at most so many bytes.
func (f *fields) text(name string, most int) []byte {
	v := f.String()
	if f.check(name) && len(v) > most {
		f.refuse(name, "has %d bytes; at most %d are allowed", len(v), most)
	}
	return v
}

// maxWord bounds the strings that are names, operators and patterns: an error
// may quote them.
const maxWord = 1024

// str reads a short string and copies it.
func (f *fields) str(name string) string { return string(f.text(name, maxWord)) }

// oneOrMany reports whether the next value is an array; it must be one or a
// string.
func (f *fields) oneOrMany(name string) bool {
	switch f.Kind() {
	case scan.KindArray:
		return true
	case scan.KindString, scan.KindNone:
	default:
		f.refuse(name, "expected a string or an array, found %s", f.Kind())
	}
	return false
}

// finish checks that the body ends here and is what went wrong in it, if
// anything.
func (f *fields) finish() error {
	if f.err != nil {
		return f.err
	}
	f.End()
	e := f.Failure()
	switch {
	case e == nil:
		return nil
	case e.Value:
		return invalid("the body: %s", e)
	}
	return invalid("the body is not valid JSON: %s", e)
}
