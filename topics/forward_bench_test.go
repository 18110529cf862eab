package topics

import (
	"context"
	"fmt"
	"testing"
)

// One write of a record, forwarded to so many destinations: time, memory and
// log for each destination.
func BenchmarkFanOut(b *testing.B) {
	for _, dests := range []int{1, 100} {
		b.Run(fmt.Sprint(dests), func(b *testing.B) {
			w := newWorld(b, func(w *world) {
				w.wal.FileBytes, w.wal.QueueBytes, w.wal.CacheBytes = 64<<20, 64<<20, 64<<20
			})
			for i := range dests {
				w.connect(fmt.Sprint("r", i), "source", fmt.Sprint("dest", i))
			}
			began := w.shared.Log.Tail()
			b.ReportAllocs()
			for b.Loop() {
				w.write("source", 1)
				w.Forward(context.Background())
				if w.shared.Log.Tail()-w.shared.Log.Written() > 32<<20 {
					b.StopTimer()
					if err := w.shared.Log.WaitWritten(w.shared.Log.Tail()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
			per := float64(b.N * dests)
			b.ReportMetric(float64(w.shared.Log.Tail()-began)/per, "log-bytes/dest")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/per, "ns/dest")
		})
	}
}
