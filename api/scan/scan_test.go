package scan

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func nest(open, close string, n int) string {
	return strings.Repeat(open, n) + strings.Repeat(close, n)
}

func TestValid(t *testing.T) {
	for _, tc := range []struct {
		doc string
		ok  bool
	}{
		{`{}`, true}, {`[]`, true}, {`null`, true}, {`true`, true}, {` false `, true}, {`""`, true},
		{`0`, true}, {`-0`, true}, {`-1.5e+10`, true}, {`1E9`, true}, {`12345678901234567890123`, true},
		{"\t{ \"a\" : [ 1 , { } , [ ] , \"x\" ] ,\r\n\"a\":null } ", true},
		{`{"a":1,"a":2}`, true},
		{`"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, true},
		{`"\ud800"`, true}, {`"\udc00\ud800x"`, true},
		{`"héllo wörld, this one is longer than eight bytes – 世界"`, true},
		{"\"\u007f\"", true},
		{nest("[", "]", MaxDepth), true},
		{strings.Repeat(`{"a":`, MaxDepth-1) + `[]` + strings.Repeat(`}`, MaxDepth-1), true},
		{``, false}, {` `, false}, {`{`, false}, {`}`, false}, {`[`, false}, {`[1`, false}, {`[1,`, false},
		{`[1,]`, false}, {`[,1]`, false}, {`[1 2]`, false}, {`{"a"}`, false}, {`{"a":}`, false}, {`{"a":1,}`, false},
		{`{,}`, false}, {`{a:1}`, false}, {`{1:1}`, false}, {`{"a":1]`, false}, {`[1}`, false}, {`{"a" 1}`, false},
		{`01`, false}, {`-`, false}, {`+1`, false}, {`.5`, false}, {`1.`, false}, {`1.e5`, false}, {`1e`, false},
		{`1e+`, false}, {`NaN`, false}, {`-Infinity`, false}, {`0x10`, false}, {`1 2`, false}, {`{} {}`, false},
		{`tru`, false}, {`truE`, false}, {`nul`, false}, {`falsey`, false}, {`'a'`, false}, {`"a`, false},
		{`"\x41"`, false}, {`"\u12"`, false}, {`"\u12G4"`, false}, {`"\`, false}, {`"\u`, false},
		{"\"a\nb\"", false}, {"\"\x00\"", false}, {"\"12345678\x1f\"", false}, {"\x00", false}, {"{}\x00", false},
		{"\"\xff\"", false}, {"\"\xc0\xaf\"", false}, {"\"\xed\xa0\x80\"", false}, {"\"abcdefgh\xf0\x9f\x98\"", false},
		{"{\"\xff\":1}", false}, {"\ufeff{}", false}, {"/**/{}", false}, {"\u00a0{}", false},
		{nest("[", "]", MaxDepth+1), false}, {strings.Repeat("[", 1<<20), false},
		{strings.Repeat(`{"a":`, MaxDepth) + `[]` + strings.Repeat(`}`, MaxDepth), false},
	} {
		err := Valid([]byte(tc.doc))
		if (err == nil) != tc.ok {
			t.Errorf("%.60q: %v, want valid=%t", tc.doc, err, tc.ok)
		}
		if want := oracle([]byte(tc.doc)); want != tc.ok {
			t.Errorf("%.60q: the oracle says %t", tc.doc, want)
		}
	}
}

// oracle is jsontext plus what this package adds: the depth, and escaped lone
// surrogates, which jsontext accepts only together with invalid UTF-8.
func oracle(doc []byte) bool {
	if !utf8.Valid(doc) {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for n := 0; ; n++ {
		if n > 0 && dec.StackDepth() == 0 {
			_, err := dec.ReadToken()
			return err == io.EOF
		}
		if _, err := dec.ReadToken(); err != nil || dec.StackDepth() > MaxDepth {
			return false
		}
	}
}

// walk reads a document with the cursor, without verbatim values, and encodes
// it with jsontext.
func walk(s *Scanner, enc *jsontext.Encoder) error {
	emit := func(tok jsontext.Token) error {
		if s.Err() != nil {
			return s.Err()
		}
		return enc.WriteToken(tok)
	}
	switch s.Kind() {
	case KindObject:
		s.Object()
		if err := emit(jsontext.BeginObject); err != nil {
			return err
		}
		for s.Field() {
			if err := emit(jsontext.String(string(s.Name()))); err != nil {
				return err
			}
			if err := walk(s, enc); err != nil {
				return err
			}
		}
		return emit(jsontext.EndObject)
	case KindArray:
		s.Array()
		if err := emit(jsontext.BeginArray); err != nil {
			return err
		}
		for s.Element() {
			if err := walk(s, enc); err != nil {
				return err
			}
		}
		return emit(jsontext.EndArray)
	case KindString:
		return emit(jsontext.String(string(s.String())))
	case KindBool:
		return emit(jsontext.Bool(s.Bool()))
	case KindNull:
		s.Null()
		return emit(jsontext.Null)
	}
	raw, _ := s.Raw()
	if s.Err() != nil {
		return s.Err()
	}
	return enc.WriteValue(raw)
}

// FuzzScan compares with jsontext: the same documents are valid, and reading
// one with the cursor gives the same values.
func FuzzScan(f *testing.F) {
	for _, doc := range []string{
		`{"records":[{"data":{"a":1},"tag":"x","meta":{}}],"node":"n"}`, `[1,-2.5e3,"\u00e9\ud83d\ude00",null,true]`,
		`"\ud800"`, "\"\xff\"", nest("[", "]", 129), `{"a":1,"a":[]}`, ` [ ] `, `{"` + "\u00e9" + `12345678":"` + "\u4e16" + `"}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		err := Valid(doc)
		if want := oracle(doc); (err == nil) != want {
			t.Fatalf("%q: %v, oracle says valid=%t", doc, err, want)
		}
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(doc) || e.Want == "" {
				t.Fatalf("%q: bad error %#v", doc, err)
			}
			return
		}
		var got bytes.Buffer
		s := New(doc)
		enc := jsontext.NewEncoder(&got, jsontext.AllowDuplicateNames(true))
		err = walk(&s, enc)
		s.End()
		if strictly := jsontext.Value(doc).IsValid(jsontext.AllowDuplicateNames(true)); (err == nil) != strictly {
			t.Fatalf("%q: cursor says %v, strict jsontext says valid=%t", doc, err, strictly)
		}
		if err != nil {
			if !errors.As(err, &e) || !e.Value {
				t.Fatalf("%q: %#v is not an error of a value", doc, err)
			}
			return
		}
		want := jsontext.Value(bytes.Clone(doc))
		if err := want.Compact(jsontext.AllowDuplicateNames(true)); err != nil {
			t.Fatal(err)
		}
		var canon bytes.Buffer
		enc = jsontext.NewEncoder(&canon, jsontext.AllowDuplicateNames(true))
		dec := jsontext.NewDecoder(bytes.NewReader(want), jsontext.AllowDuplicateNames(true))
		for {
			tok, err := dec.ReadToken()
			if err == io.EOF {
				break
			}
			switch tok.Kind() {
			case '0':
				err = enc.WriteValue(jsontext.Value(tok.String()))
			case '"':
				err = enc.WriteToken(jsontext.String(tok.String()))
			default:
				err = enc.WriteToken(tok)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != canon.String() {
			t.Fatalf("%q: read as %q, want %q", doc, got.String(), canon.String())
		}
	})
}

func TestValues(t *testing.T) {
	read := map[string]func(s *Scanner) any{
		"int":    func(s *Scanner) any { return s.Int() },
		"uint":   func(s *Scanner) any { return s.Uint() },
		"string": func(s *Scanner) any { return string(s.String()) },
		"bool":   func(s *Scanner) any { return s.Bool() },
	}
	for _, tc := range []struct {
		as, doc string
		want    any // nil if it is refused as a value, not as grammar
	}{
		{"int", `0`, int64(0)}, {"int", ` -7 `, int64(-7)}, {"int", `-0`, int64(0)},
		{"int", `9223372036854775807`, int64(1<<63 - 1)}, {"int", `-9223372036854775808`, int64(-1 << 63)},
		{"int", `9223372036854775808`, nil}, {"int", `-9223372036854775809`, nil}, {"int", `99999999999999999999`, nil},
		{"int", `1.5`, nil}, {"int", `1.0`, nil}, {"int", `1e3`, nil}, {"int", `"1"`, nil}, {"int", `null`, nil},
		{"uint", `18446744073709551615`, uint64(1<<64 - 1)}, {"uint", `18446744073709551616`, nil},
		{"uint", `-0`, uint64(0)}, {"uint", `-1`, nil}, {"uint", `true`, nil}, {"uint", `[]`, nil},
		{"string", `"plain"`, "plain"}, {"string", `"a\"\\\/\b\f\n\r\tz"`, "a\"\\/\b\f\n\r\tz"},
		{"string", `"\u00e9\u4e16\ud83d\ude00\u0000"`, "é世😀\x00"}, {"string", `"\ud800"`, nil},
		{"string", `"\ud800\u0041"`, nil}, {"string", `"\udc00"`, nil}, {"string", `1`, nil}, {"string", `{}`, nil},
		{"bool", `true`, true}, {"bool", `false`, false}, {"bool", `1`, nil}, {"bool", `"true"`, nil},
	} {
		s := New([]byte(tc.doc))
		got := read[tc.as](&s)
		s.End()
		if tc.want == nil {
			var e *Error
			if !errors.As(s.Err(), &e) || !e.Value {
				t.Errorf("%s %s: error %v", tc.as, tc.doc, s.Err())
			}
			continue
		}
		if s.Err() != nil || got != tc.want {
			t.Errorf("%s %s: %v, %v; want %v", tc.as, tc.doc, got, s.Err(), tc.want)
		}
	}
}

func TestRaw(t *testing.T) {
	for _, tc := range []struct {
		doc, raw string
		members  int
	}{
		{` {"a": 1.50, "a":[1,{"x":2}] , "b":{}} `, `{"a": 1.50, "a":[1,{"x":2}] , "b":{}}`, 3},
		{`[ ]`, `[ ]`, 0}, {`{ }`, `{ }`, 0}, {`[[1,2],[3,4]]`, `[[1,2],[3,4]]`, 2}, {`[0]`, `[0]`, 1},
		{` 1e5 `, `1e5`, 0}, {`"\ud800"`, `"\ud800"`, 0}, {`{"a":{"b":1,"c":2}}`, `{"a":{"b":1,"c":2}}`, 1},
	} {
		s := New([]byte(tc.doc))
		raw, members := s.Raw()
		s.End()
		if s.Err() != nil || string(raw) != tc.raw || members != tc.members {
			t.Errorf("%q: %q with %d members, %v", tc.doc, raw, members, s.Err())
		}
	}
}

// The limit of the depth applies to the sum of the containers entered by the
// cursor and those inside a verbatim value.
func TestDepthIsOfTheDocument(t *testing.T) {
	for _, tc := range []struct {
		inside int
		ok     bool
	}{{MaxDepth - 2, true}, {MaxDepth - 1, false}} {
		s := New([]byte(`{"a":[` + nest("[", "]", tc.inside) + `]}`))
		s.Object()
		for s.Field() {
			s.Array()
			for s.Element() {
				s.Raw()
			}
		}
		s.End()
		if (s.Err() == nil) != tc.ok {
			t.Errorf("%d levels inside two: %v", tc.inside, s.Err())
		}
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a" 1}`:     `expected ':', found '1' at byte 5`,
		`[1,`:         `expected a value, found the end of the body at byte 3`,
		"\"a\xffb\"":  `expected valid UTF-8, found byte 0xff at byte 2`,
		`{} x`:        `expected nothing after the document, found 'x' at byte 3`,
		`[1}`:         `expected ',' or ']', found '}' at byte 2`,
		`{"a":1,b:2}`: `expected a field name, found 'b' at byte 7`,
	} {
		if err := Valid([]byte(doc)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", doc, err, want)
		}
	}
}
