package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/api/scan"
)

// Fields reads the fields of a request body and names them in its errors. Like
// the Scanner it embeds, it keeps the first error and returns zero values after
// it; Finish returns the error. Byte slices that it returns alias the body.
type Fields struct {
	scan.Scanner
	scope  string // prefix of the names in a nested object, such as "config."
	record int    // index of the record being read, -1 outside of records
	notes  *Notices
	err    error
}

// ReadFields returns a reader of a body. It adds its warnings to notes.
func ReadFields(body []byte, notes *Notices) Fields {
	return Fields{Scanner: scan.New(body), record: -1, notes: notes}
}

// ReadFieldsAt returns a reader of one value in a body, as Scanner.Located returns it.
func ReadFieldsAt(doc []byte, at int, notes *Notices) Fields {
	return Fields{Scanner: scan.NewAt(doc, at), record: -1, notes: notes}
}

// Enter enters the body, or the object that the field name holds.
func (f *Fields) Enter(name string) {
	f.Object()
	f.Check(name)
}

// SetScope sets the prefix of the names in errors and returns the previous one.
func (f *Fields) SetScope(scope string) (previous string) {
	previous, f.scope = f.scope, scope
	return previous
}

// EnterScope adds to the prefix and returns the previous one.
func (f *Fields) EnterScope(scope string) (previous string) {
	return f.SetScope(f.scope + scope)
}

// SetRecord sets the index of the record being read, -1 outside of records.
func (f *Fields) SetRecord(index int) { f.record = index }

// NextField moves to the next field of the present object.
func (f *Fields) NextField() bool { return f.err == nil && f.Field() }

// NextElement moves to the next element of the present array.
func (f *Fields) NextElement() bool { return f.err == nil && f.Element() }

// Check reports whether all went well so far. If the value just read has the
// wrong type, it names the field in the error.
func (f *Fields) Check(name string) bool {
	e := f.Failure()
	if e != nil && e.Value {
		f.Refuse(name, "%s", e)
	}
	return e == nil && f.err == nil
}

// Refuse fails with a bad value of a field.
func (f *Fields) Refuse(name, format string, a ...any) {
	if f.err == nil {
		f.err = InvalidField(f.Where(name), format, a...)
	}
}

// Fail fails with err, unless something failed before.
func (f *Fields) Fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// Where returns a field's full name, such as records[3].tag.
func (f *Fields) Where(name string) string {
	if f.record < 0 {
		return f.scope + name
	}
	where := f.scope + "records[" + strconv.Itoa(f.record) + "]"
	if name == "" {
		return where
	}
	return where + "." + name
}

// Absent reports whether the present field's value is null, in objects where
// null means that the field is absent. It warns of a name that is not among
// those known.
func (f *Fields) Absent(known []string) bool {
	name := f.Name()
	if !f.Null() {
		return false
	}
	f.checkName(name, known)
	return true
}

// Unknown skips the present field, which is not one of the object's. known are
// those that are.
func (f *Fields) Unknown(known []string) {
	f.checkName(f.Name(), known)
	f.Skip()
}

// NoteUnknown warns of a field that the present object does not have.
func (f *Fields) NoteUnknown(name string, known []string) { f.checkName([]byte(name), known) }

func (f *Fields) checkName(name []byte, known []string) {
	if slices.Contains(known, string(name)) || f.err != nil || f.notes.Full() {
		return
	}
	text := string(name[:min(len(name), 2*maxQuoted)])
	f.Note(text, Unknown(f.object(), "field", text, known))
}

// Note adds a warning about a field of the present object.
func (f *Fields) Note(name, warning string) {
	f.Fail(f.notes.Add(f.Where(name), warning))
}

// object returns the full name of the present object, which is empty for the
// body itself.
func (f *Fields) object() string {
	if f.record < 0 {
		return strings.TrimSuffix(f.scope, ".")
	}
	return f.Where("")
}

// Valid reports whether nothing has failed so far.
func (f *Fields) Valid() bool { return f.err == nil && f.Failure() == nil }

// ReadBool reads a boolean.
func (f *Fields) ReadBool(name string) bool {
	v := f.Bool()
	f.Check(name)
	return v
}

// ReadInt reads an integer.
func (f *Fields) ReadInt(name string) int64 {
	v := f.Int()
	f.Check(name)
	return v
}

// ReadSize reads an integer that must not be negative.
func (f *Fields) ReadSize(name string) int64 {
	v := f.ReadInt(name)
	if v < 0 {
		f.Refuse(name, "is %d; it must not be negative", v)
	}
	return v
}

// ReadUint reads an unsigned integer.
func (f *Fields) ReadUint(name string) uint64 {
	v := f.Uint()
	f.Check(name)
	return v
}

// ReadText reads a string of at most so many bytes.
func (f *Fields) ReadText(name string, most int) []byte {
	v := f.String()
	if f.Check(name) && len(v) > most {
		f.Refuse(name, "has %d bytes; at most %d are allowed", len(v), most)
	}
	return v
}

// maxWord bounds the strings that are names, operators and patterns, because
// errors may quote them.
const maxWord = 1024

// ReadString reads a short string and copies it.
func (f *Fields) ReadString(name string) string { return string(f.ReadText(name, maxWord)) }

// OneOrMany reports whether the next value is an array. It refuses what is
// neither an array nor a string.
func (f *Fields) OneOrMany(name string) bool {
	switch f.Kind() {
	case scan.KindArray:
		return true
	case scan.KindString, scan.KindNone:
	default:
		f.Refuse(name, "expected a string or an array, found %s", f.Kind())
	}
	return false
}

// Finish checks that the body ends here. It returns the first error, if any.
func (f *Fields) Finish() error {
	if f.err != nil {
		return f.err
	}
	f.End()
	e := f.Failure()
	switch {
	case e == nil:
		return nil
	case e.Value:
		return Invalid("the body: %s", e)
	}
	return Invalid("the body is not valid JSON: %s", e)
}
