package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// nullEngine accepts and keeps nothing: what is left is the handlers' cost.
type nullEngine struct {
	*memEngine
	batch *topic.Batch
}

func (nullEngine) Begin(_ context.Context, _ string, w *topic.Write) (*topic.Pending, error) {
	n := len(w.Records)
	return &topic.Pending{Written: topic.Written{First: 1, Last: uint64(n), Head: uint64(n), Count: n}}, nil
}

func (e nullEngine) Read(context.Context, string, *topic.Query) (*topic.Batch, error) {
	return e.batch, nil
}

// nullWriter is a ResponseWriter that costs nothing.
type nullWriter struct {
	header http.Header
	status int
}

func (w *nullWriter) Header() http.Header         { return w.header }
func (w *nullWriter) WriteHeader(status int)      { w.status = status }
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }

// exchange is one request that can be served again and again.
type exchange struct {
	r    *http.Request
	w    nullWriter
	body *bytes.Reader
	doc  []byte
}

func newExchange(target string, doc []byte) *exchange {
	x := &exchange{w: nullWriter{header: http.Header{}}, body: bytes.NewReader(doc), doc: doc}
	x.r = httptest.NewRequest("POST", target, bytes.NewReader(doc))
	x.r.Header.Set("Content-Type", wire.MediaJSON)
	x.r.Body = io.NopCloser(x.body)
	return x
}

func (x *exchange) serve(s *Server) int {
	x.body.Reset(x.doc)
	clear(x.w.header)
	s.ServeHTTP(&x.w, x.r)
	return x.w.status
}

// writeBody is a write of n records with 200 bytes of data each.
func writeBody(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"records":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"data":{"payload":"%s"},"tag":"order-%d","node":"shop-1"}`, strings.Repeat("x", 186), i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// A write must not cost an allocation for each record: batches are what makes
// writing fast. It is 7 in all; the bound leaves room for the race detector,
// under which pools forget at random and bodies grow anew from 16 KiB.
func TestWriteAllocations(t *testing.T) {
	s, _ := openServer(nil)
	s.Open(nullEngine{})
	for _, tc := range []struct {
		records int
		most    float64
	}{{1, 16}, {100, 32}} {
		x := newExchange("/v0/topics/orders", writeBody(tc.records))
		if status := x.serve(s); status != 200 {
			t.Fatalf("status %d", status)
		}
		if got := testing.AllocsPerRun(200, func() { x.serve(s) }); got > tc.most {
			t.Errorf("%d records: %v allocations, want at most %v", tc.records, got, tc.most)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, _ := openServer(nil)
	s.Open(nullEngine{})
	for _, n := range []int{1, 100, 1000} {
		doc := writeBody(n)
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			x := newExchange("/v0/topics/orders", doc)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				x.serve(s)
			}
		})
		b.Run(fmt.Sprintf("decode/records=%d", n), func(b *testing.B) {
			l := wire.DefaultLimits()
			records := make([]record.Record, 0, n)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := request.DecodeWrite(doc, &l, records, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		batch := &topic.Batch{NextFrom: uint64(n), Head: uint64(n), Earliest: 1}
		for i := range n {
			batch.Records = append(batch.Records, record.Record{
				Seq: uint64(i + 1), TS: 1_700_000_000_000, Node: []byte("shop-1"),
				Data: []byte(`{"payload":"` + strings.Repeat("x", 186) + `"}`),
			})
		}
		s, _ := openServer(nil)
		s.Open(nullEngine{batch: batch})
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			x := newExchange("/v0/topics/orders/diff", []byte(`{"limit":1000}`))
			b.ReportAllocs()
			for b.Loop() {
				x.serve(s)
			}
		})
	}
}
