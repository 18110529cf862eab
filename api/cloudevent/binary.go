package cloudevent

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/scan"
	"github.com/e6e95bb8/topics/api/wire"
)

// headerPrefix is what the names of headers with attributes begin with, as net/http
// spells them; in errors they are spelt like the specification does.
const (
	headerPrefix = "Ce-"
	errorPrefix  = "ce-"
)

// BinarySize is how many bytes at most the JSON of an event in binary mode takes,
// or a little more.
func BinarySize(h http.Header, body []byte) int {
	n := base64.StdEncoding.EncodedLen(len(body)) + 64
	for name, values := range h {
		for _, v := range values {
			n += len(name) + 6*len(v) // of a control character, before it is refused
		}
	}
	return n
}

// DecodeBinary makes an event in structured form of headers and a body.
func DecodeBinary(h http.Header, body []byte, l *wire.Limits) ([]Event, error) {
	doc, err := appendAttributes([]byte{'{'}, h)
	if err != nil {
		return nil, err
	}
	contentType := h.Get("Content-Type")
	if contentType != "" {
		doc = render.String(append(doc, `"datacontenttype":`...), []byte(contentType))
		doc = append(doc, ',')
	}
	switch {
	case len(body) == 0:
		doc = doc[:max(1, len(doc)-1)]
	case isJSON(contentType):
		if err := scan.Valid(body); err != nil {
			return nil, wire.Invalid("the body is not valid JSON, as Content-Type says: %s", err)
		}
		doc = append(append(doc, `"data":`...), body...)
	default:
		doc = append(doc, `"data_base64":"`...)
		doc = append(base64.StdEncoding.AppendEncode(doc, body), '"')
	}
	e, err := decodeWhole(append(doc, '}'), errorPrefix, l)
	return []Event{e}, err
}

// appendAttributes appends the attributes in headers as members of an object, those
// of the specification first. A comma follows each.
func appendAttributes(b []byte, h http.Header) ([]byte, error) {
	var names []string
	for header := range h {
		if name, ok := strings.CutPrefix(header, headerPrefix); ok {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if i, j := rank(a), rank(b); i != j {
			return i - j
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		field := errorPrefix + name[:min(len(name), 64)]
		values := h[http.CanonicalHeaderKey(headerPrefix+name)]
		switch {
		case !isAttribute(name):
			return nil, wire.InvalidField(field, "is no name of an attribute: they have letters and digits only")
		case name == "data", name == "datacontenttype":
			return nil, wire.InvalidField(field, "has no header: the data is the body, and its type is Content-Type")
		case len(values) != 1:
			return nil, wire.InvalidField(field, "occurs twice")
		}
		text, ok := headerText(values[0])
		if !ok {
			return nil, wire.InvalidField(field, "is not UTF-8 after percent-decoding")
		}
		b = append(append(append(b, '"'), name...), `":`...)
		b = append(render.String(b, text), ',')
	}
	return b, nil
}

// rank orders the attributes of the specification before all others.
func rank(name string) int {
	if i := slices.Index(members, name); i >= 0 {
		return i
	}
	return len(members)
}

// headerText decodes the value of a header with an attribute: quotes and
// backslashes, if it is quoted, and then percent signs with two digits.
func headerText(value string) (text []byte, ok bool) {
	value = strings.TrimSpace(value)
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = unquote(value[1 : len(value)-1])
	}
	text = make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+3 <= len(value) {
			var c [1]byte
			if _, err := hex.Decode(c[:], []byte(value[i+1:i+3])); err == nil {
				text = append(text, c[0])
				i += 2
				continue
			}
		}
		text = append(text, value[i])
	}
	return text, utf8.Valid(text)
}

// unquote removes the backslashes of a quoted string.
func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
