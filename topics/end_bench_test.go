package topics

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// BenchmarkEnds prints how long calls take that end many records of a topic, in the log or in segments: no section
// of the topic's lock is longer.
func BenchmarkEnds(b *testing.B) {
	ends := []struct {
		name string
		do   func(w *world, n uint64) error
	}{
		{"match", func(w *world, _ uint64) error {
			_, err := w.DeleteRecords(context.Background(), "q", &Deletion{Match: &record.Match{Value: "t"}})
			return err
		}},
		{"before", func(w *world, n uint64) error {
			before := n
			_, err := w.DeleteRecords(context.Background(), "q", &Deletion{Before: &before})
			return err
		}},
		{"cap", func(w *world, _ uint64) error {
			_, err := w.Patch(context.Background(), "q", &record.ConfigPatch{CapRecords: ptr(int64(1))})
			return err
		}},
		{"ttl", func(w *world, _ uint64) error {
			_, err := w.Patch(context.Background(), "q", &record.ConfigPatch{TTLMS: ptr(int64(1000))})
			w.write("q", 1)
			return err
		}},
	}
	for _, e := range ends {
		for _, kind := range []string{"log", "queue"} {
			for _, stored := range []bool{false, true} {
				for _, n := range []int{1000, 100_000, 1_000_000} {
					b.Run(fmt.Sprintf("%s/%s/segments=%t/%d", e.name, kind, stored, n), func(b *testing.B) {
						for range b.N {
							w := newWorld(b)
							w.put("q", &record.ConfigPatch{Type: &kind})
							job := (&record.Job{Priority: 1}).Encode()
							if kind == "log" {
								job = nil
							}
							for at := 0; at < n; at += 1000 {
								wr := &topic.Write{}
								for range 1000 {
									wr.Records = append(wr.Records, record.Record{Data: []byte("1"), Tag: []byte("t"), Job: job})
								}
								w.append("q", wr)
							}
							if stored {
								w.checkpoint(nil)
							}
							w.now += 5000
							began := time.Now()
							if err := e.do(w, uint64(n)); err != nil {
								b.Fatal(err)
							}
							b.ReportMetric(float64(time.Since(began).Microseconds()), "call-us")
						}
					})
				}
			}
		}
	}
}
