package cloudevent

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/e6e95bb8/topics/api/scan"
	"github.com/e6e95bb8/topics/api/wire"
)

// The members of an event that have a meaning here, and those that must be there.
// All others are extensions.
var (
	members  = []string{"specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time", "data", "data_base64"}
	required = members[:4]
)

// version is the one version of CloudEvents that is taken.
const version = "1.0"

// DecodeOne decodes an event in structured form.
func DecodeOne(body []byte, l *wire.Limits) ([]Event, error) {
	e, err := decodeWhole(body, "", l)
	return []Event{e}, err
}

// decodeWhole decodes a document that is an event. scope is what the names of
// attributes begin with in errors.
func decodeWhole(doc []byte, scope string, l *wire.Limits) (Event, error) {
	doc = bytes.Trim(doc, " \t\r\n")
	f := wire.ReadFields(doc, nil)
	f.SetScope(scope)
	d := decoder{fields: &f, limits: l}
	e := d.event()
	e.JSON = doc
	d.checkSize(len(doc), 0)
	return e, f.Finish()
}

// DecodeBatch decodes an array of events.
func DecodeBatch(body []byte, l *wire.Limits) (events []Event, err error) {
	f := wire.ReadFields(body, nil)
	f.Array()
	f.Check("the body")
	for f.NextElement() {
		if len(events) == l.MaxBatchRecords {
			f.Fail(wire.TooLarge("batch_too_large", fmt.Sprintf("a batch takes at most %d events", l.MaxBatchRecords),
				map[string]any{"max": l.MaxBatchRecords}))
			break
		}
		doc, at := f.Located()
		if !f.Valid() {
			break
		}
		inner := wire.ReadFieldsAt(doc, at, nil)
		inner.SetScope("[" + strconv.Itoa(len(events)) + "].")
		d := decoder{fields: &inner, limits: l}
		e := d.event()
		e.JSON = doc[at:]
		d.checkSize(len(e.JSON), len(events))
		f.Fail(inner.Finish())
		events = append(events, e)
	}
	if err := f.Finish(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, wire.Invalid("the batch is empty: at least one event is needed")
	}
	return events, nil
}

// decoder reads one event.
type decoder struct {
	fields *wire.Fields
	limits *wire.Limits // nil if the event was within them when it was written
	seen   uint         // which of members occurred
}

// event reads an event. Its JSON is the caller's to set.
func (d *decoder) event() (e Event) {
	f := d.fields
	f.Enter("the event")
	for f.NextField() {
		name := string(f.Name())
		switch d.note(name); {
		case !f.Valid():
		case name == "data":
			f.Skip()
		case !slices.Contains(members, name) && !isAttribute(name):
			f.Refuse(name[:min(len(name), 64)], "is no name of an attribute: they have lower-case letters and digits only")
		case f.Null(): // as good as absent
			d.forget(name)
		case name == "data_base64":
			d.base64()
		case slices.Contains(members, name):
			d.attribute(&e, name)
		default:
			d.extension(name)
		}
	}
	if !f.Valid() {
		return e
	}
	for i, name := range required {
		if d.seen&(1<<i) == 0 {
			f.Refuse(name, "is needed: every event has specversion, id, source and type")
		}
	}
	if d.has("data") && d.has("data_base64") {
		f.Refuse("data_base64", "and data exclude each other: leave one of them out")
	}
	return e
}

func (d *decoder) has(name string) bool { return d.seen&(1<<slices.Index(members, name)) != 0 }

// note notes that a member occurs, which it may only once.
func (d *decoder) note(name string) {
	i := slices.Index(members, name)
	switch {
	case i < 0:
	case d.seen&(1<<i) != 0:
		d.fields.Refuse(name, "occurs twice")
	default:
		d.seen |= 1 << i
	}
}

func (d *decoder) forget(name string) {
	if i := slices.Index(members, name); i >= 0 {
		d.seen &^= 1 << i
	}
}

// attribute reads an attribute of the specification, which is a string.
func (d *decoder) attribute(e *Event, name string) {
	text := d.text(name)
	if !d.fields.Valid() {
		return
	}
	if len(text) == 0 {
		d.fields.Refuse(name, "must not be empty: leave it out, unless it is needed")
		return
	}
	switch name {
	case "specversion":
		if string(text) != version {
			d.fields.Refuse(name, "%.20q is not supported: send events of version %s", text, version)
		}
	case "id":
		e.ID = text
	case "source":
		e.Source = text
		d.reference(name, text)
		if d.limits != nil {
			d.bound(name, text, d.limits.MaxNodeBytes)
		}
	case "type":
		e.Type = text
		if d.limits != nil {
			d.bound(name, text, d.limits.MaxTagBytes)
		}
	case "dataschema":
		d.reference(name, text)
	case "datacontenttype":
		if _, _, err := mime.ParseMediaType(string(text)); err != nil {
			d.fields.Refuse(name, "is no media type: %s", err)
		}
	case "time":
		if !isTime(text) {
			d.fields.Refuse(name, "is not as RFC 3339 has it, such as 2026-01-31T12:30:00Z")
		}
	}
}

// timestamp is the grammar of RFC 3339, of which time.Parse takes more than there is:
// hours of one digit, commas, offsets of a day.
var timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func isTime(text []byte) bool {
	_, err := time.Parse(time.RFC3339, string(text))
	return err == nil && timestamp.Match(text)
}

// text reads a string without the characters that the specification excludes.
func (d *decoder) text(name string) []byte {
	text := d.fields.String()
	if !d.fields.Check(name) {
		return nil
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r < ' ', r >= 0x7f && r <= 0x9f:
			d.fields.Refuse(name, "has the control character %U, which attributes must not have", r)
			return nil
		case r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
			d.fields.Refuse(name, "has the noncharacter %U, which attributes must not have", r)
			return nil
		}
		i += n
	}
	return text
}

// bound refuses a text of more than so many bytes.
func (d *decoder) bound(name string, text []byte, most int) {
	if len(text) > most {
		d.fields.Refuse(name, "has %d bytes; at most %d are allowed", len(text), most)
	}
}

// reference refuses what is not a URI reference.
func (d *decoder) reference(name string, text []byte) {
	if _, err := url.Parse(string(text)); err != nil {
		d.fields.Refuse(name, "is no URI reference")
	}
}

// extension reads an attribute that is not of the specification: a string, a boolean
// or an integer of 32 bits.
func (d *decoder) extension(name string) {
	f := d.fields
	shown := name[:min(len(name), 64)]
	switch f.Kind() {
	case scan.KindString:
		d.text(shown)
	case scan.KindBool:
		f.ReadBool(shown)
	case scan.KindNumber:
		n := f.ReadInt(shown)
		if f.Valid() && n != int64(int32(n)) {
			f.Refuse(shown, "is %d; an integer of an event has 32 bits", n)
		}
	case scan.KindNone:
		f.Skip() // fails
	default:
		f.Refuse(shown, "is %s; an attribute is a string, a boolean or an integer", f.Kind())
	}
}

// isAttribute reports whether a name may be that of an attribute.
func isAttribute(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// base64 reads data that is not JSON.
func (d *decoder) base64() {
	text := d.fields.String()
	if !d.fields.Check("data_base64") {
		return
	}
	if !isBase64(text) {
		d.fields.Refuse("data_base64", "is not base64 of RFC 4648")
	}
}

// isBase64 reports whether text is base64 with padding. It takes no memory of the
// text's size.
func isBase64(text []byte) bool {
	if len(text)%4 != 0 {
		return false
	}
	var out [3 << 10]byte
	for len(text) > 0 {
		n := min(len(text), 4<<10)
		m, err := base64.StdEncoding.Strict().Decode(out[:], text[:n])
		if err != nil || n < len(text) && m < n/4*3 { // padding in the middle
			return false
		}
		text = text[n:]
	}
	return true
}

// checkSize refuses an event that is too large for a record.
func (d *decoder) checkSize(size, index int) {
	if most := d.limits.MaxRecordBytes; size > most {
		d.fields.Fail(wire.TooLarge("record_too_large",
			fmt.Sprintf("the event has %d bytes as JSON; at most %d are allowed", size, most),
			map[string]any{"record": index, "bytes": size, "max": most}))
	}
}
