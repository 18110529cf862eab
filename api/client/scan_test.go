package client

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// full is an answer to a read that uses every field.
const full = `{"topic":"t","records":[{"$seq":7,"$ts":-9,"$node":"n","$tag":"a\"\\","data":{"b": 1.50,"b":"\u00e9"},"meta":{"k":[1E1,{}]}},` +
	`{"$seq":8,"$ts":1,"$node":"n","data":null,"later":[{}]}],"next_from_seq":7,"head_seq":18446744073709551615,"earliest_seq":7,` +
	`"caught_up":false,"lag":2,"tombstone":{"gap_from":1,"gap_to":6,"reason":"cap"},"performance":{"server_total_ms":0.1}}`

func FuzzBatch(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(` { "records" : [ ] , "tombstone" : null , "caught_up" : true } `))
	f.Add([]byte(`{"records":[{"$seq":1,"data":"\\\""}]}`))
	f.Add([]byte(`{"records":[{"$seq":1,"data":]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var got Batch
		if err := got.decode(body); err != nil || !json.Valid(body) {
			return
		}
		for _, r := range got.Records {
			for _, raw := range [][]byte{r.Raw, r.Data, r.Meta} {
				if raw != nil && !json.Valid(raw) {
					t.Fatalf("%q has the value %q", body, raw)
				}
			}
		}
	})
}

// The decoder gives the same result as encoding/json.
func TestBatchIsWhatItSays(t *testing.T) {
	type plain Batch // without the decoder
	var got Batch
	var want plain
	if err := errors.Join(got.decode([]byte(full)), json.Unmarshal([]byte(full), &want)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, Batch(want)) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodersRefuse(t *testing.T) {
	for _, body := range []string{
		``, `{`, `[]`, `{"records":[{}]}`, `{"records":[{"$seq":0}]}`, `{"records":{}}`, `{"records":[{"$seq":1}`, `{"head_seq":-1}`,
		`{"head_seq":1}x`, `{"head_seq":1 "lag":2}`, `{"caught_up":1}`, `{"x":"`, `{"x":\"}`, `{"x":}`, `{"x":]}`, `{"x"}`, `{"records":[1]}`,
		`{"records":[{"$seq":1,"$tag":"\x"}]}`, `{"tombstone":{"gap_from":"a"}}`,
	} {
		body = strings.Replace(body, "{", `{"earliest_seq":1,`, 1)
		if err := new(Batch).decode([]byte(body)); err == nil {
			t.Errorf("%s was taken for a batch", body)
		}
	}
	for _, body := range []string{``, `{"seqs":1}`, `{"seqs":[x]}`, `{"count":1}}`, `{"first_seq":"1"}`} {
		body = strings.Replace(body, "{", `{"first_seq":1,"last_seq":1,`, 1)
		if err := new(Written).decode([]byte(body)); err == nil {
			t.Errorf("%s was taken for an answer to a write", body)
		}
	}
}

// Neighbouring records share a node, and appending to a value changes no other.
func TestRecordsShareWhatTheyMay(t *testing.T) {
	var b Batch
	if err := b.decode([]byte(`{"records":[{"$seq":1,"$node":"n","data":[1],"meta":{}},{"$seq":2,"$node":"n","data":2},{"$seq":3,"data":3}],"earliest_seq":1}`)); err != nil {
		t.Fatal(err)
	}
	if b.Records[0].Node != b.Records[1].Node || b.Records[2].Node != nil {
		t.Error("the node is not shared")
	}
	_ = append(b.Records[0].Data, `,"x":1`...)
	if string(b.Records[0].Meta) != `{}` {
		t.Errorf("meta became %s", b.Records[0].Meta)
	}
	var alone Record
	if err := json.Unmarshal([]byte(` {"$seq":5,"data": 1.0 } `), &alone); err != nil || alone.Seq != 5 || string(alone.Data) != "1.0" {
		t.Error(alone, err)
	}
}

func FuzzStream(f *testing.F) {
	f.Add("retry: 2000\n\n: hb 1\n\nid: x\nevent: record\ndata: {\"a\":\ndata: 1}\n\nevent: none\n\ndata\n\n")
	f.Add("data: a\r\nid: \x00\r\n\r\ndata: cut off")
	f.Fuzz(func(t *testing.T, text string) {
		s := newStream(strings.NewReader(text), "")
		size := 0
		for {
			m, err := s.next()
			if err != nil {
				if err != io.ErrUnexpectedEOF {
					t.Fatal(err)
				}
				break
			}
			size += len(m.data) + 1
		}
		if size > len(text) {
			t.Errorf("%d bytes of data in %q", size, text)
		}
	})
}

func TestStream(t *testing.T) {
	long := strings.Repeat("x", 3*streamBuffer)
	s := newStream(strings.NewReader("retry: 2000\n\n: hb 1\n\nid: 1\nevent: a\ndata: {\ndata:}\n\nevent: dropped\n\ndata: "+long+"\r\n\r\nid\ndata\n\ndata: cut"), "0")
	comments := 0
	s.comment = func() { comments++ }
	for _, want := range []message{{"a", "1", []byte("{\n}")}, {"", "1", []byte(long)}, {"", "", nil}} {
		m, err := s.next()
		if err != nil || m.event != want.event || m.id != want.id || string(m.data) != string(want.data) {
			t.Errorf("got %+v, %v", m, err)
		}
	}
	if _, err := s.next(); err != io.ErrUnexpectedEOF || comments != 1 {
		t.Errorf("%v, %d comments", err, comments)
	}
}
