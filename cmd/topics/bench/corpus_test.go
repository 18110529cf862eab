package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Every record is JSON of the requested size with its tag, and always the same.
func TestCorpusRecords(t *testing.T) {
	c, again := newCorpus(), newCorpus()
	for n := range 2000 {
		size := leastRecord + n%500
		b := c.appendRecord(nil, n, size)
		var r struct {
			Data json.RawMessage
			Tag  string
		}
		if err := json.Unmarshal(b, &r); err != nil || len(r.Data) != size || r.Tag != corpusTag(n) {
			t.Fatalf("record %d of %d bytes is %s: %v", n, size, b, err)
		}
		if !bytes.Equal(b, again.appendRecord(nil, n, size)) {
			t.Fatalf("record %d is not the same twice", n)
		}
	}
}

// The records compress, but not to nothing; otherwise results about disk and
// reads would be meaningless.
func TestCorpusCompresses(t *testing.T) {
	c := newCorpus()
	var b []byte
	for n := range 300 {
		b = c.appendRecord(b, n, 200)
	}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if ratio := float64(len(e.EncodeAll(b, nil))) / float64(len(b)); ratio < 0.2 || ratio > 0.7 {
		t.Errorf("a block of records compresses to %.2f of it", ratio)
	}
}

func TestCorpusWrites(t *testing.T) {
	request := newCorpus().interleaved(3, 4, 100, 0)(nil, 7)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Records []struct {
			Data struct{ N int64 }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if r.URL.Path != "/v0/topics/"+topicName(1) || len(body.Records) != 4 || body.Records[0].Data.N != 100_000_000_028 {
		t.Errorf("write 7 is %s with %+v", r.URL.Path, body)
	}
}

func TestDebianLines(t *testing.T) {
	lines := bufio.NewScanner(newDebianLines(200))
	n := 0
	for ; lines.Scan(); n++ {
		var r struct {
			Data struct{ Package, SHA256 string }
			Tag  string
			Node string
			Meta json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.Data.Package == "" || len(r.Data.SHA256) != 64 || r.Tag == "" || r.Meta == nil {
			t.Fatalf("line %d is %s: %v", n, lines.Bytes(), err)
		}
	}
	if lines.Err() != nil || n != 200 {
		t.Errorf("%d lines, %v; want 200", n, lines.Err())
	}
}
