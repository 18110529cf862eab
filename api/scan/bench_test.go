package scan

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// bodies returns write bodies of 100 records with 200 bytes of data each, once
// as one string and once as the small fields of an ordinary event.
func bodies() map[string][]byte {
	out := map[string][]byte{}
	for name, data := range map[string]string{
		"text": fmt.Sprintf(`{"payload":"%s"}`, strings.Repeat("x", 186)),
		"fields": `{"id":748201,"user":"u-99120","kind":"page_view","path":"/catalog/items/4411","ok":true,` +
			`"ms":12.75,"ref":null,"geo":{"country":"DE","city":"Köln"},"tags":["a","b","c"],"agent":"Mozilla/5.0 (X11)","n":1}`,
	} {
		var b bytes.Buffer
		b.WriteString(`{"records":[`)
		for i := range 100 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"data":%s,"tag":"order-%d","node":"shop-1"}`, data, i)
		}
		b.WriteString(`]}`)
		out[name] = b.Bytes()
	}
	return out
}

func BenchmarkScan(b *testing.B) {
	for name, doc := range bodies() {
		b.Run(name+"/valid", func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if err := Valid(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/cursor", func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				s := New(doc)
				s.Object()
				for s.Field() {
					s.Array()
					for s.Element() {
						s.Object()
						for s.Field() {
							switch string(s.Name()) {
							case "data":
								s.Raw()
							default:
								s.String()
							}
						}
					}
				}
				s.End()
				if s.Err() != nil {
					b.Fatal(s.Err())
				}
			}
		})
		b.Run(name+"/jsontext", func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			dec := new(jsontext.Decoder)
			src := bytes.NewReader(doc)
			for b.Loop() {
				src.Reset(doc)
				dec.Reset(src, jsontext.AllowDuplicateNames(true))
				if err := readRecords(dec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// readRecords does with jsontext what the cursor benchmark does: payloads
// verbatim, everything else as tokens.
func readRecords(dec *jsontext.Decoder) error {
	for {
		tok, err := dec.ReadToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if tok.Kind() == '"' && tok.String() == "data" {
			if _, err := dec.ReadValue(); err != nil {
				return err
			}
		}
	}
}
