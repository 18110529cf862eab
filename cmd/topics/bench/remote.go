package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// RemoteReport is what was measured of a running server.
type RemoteReport struct {
	URL    string        `json:"url"`
	Writes []RemoteWrite `json:"writes"`
}

// RemoteWrite is one load of writes on a topic, and a read of what it wrote.
// The times are those of whole requests.
type RemoteWrite struct {
	Class       string    `json:"class"`
	Writers     int       `json:"writers"`
	Batch       int       `json:"batch"`
	Writes      float64   `json:"writes_per_s"`
	Records     float64   `json:"records_per_s"`
	P50US       float64   `json:"p50_us"`
	P99US       float64   `json:"p99_us"`
	ReadRecords float64   `json:"read_records_per_s"`
	Series      []float64 `json:"series"` // records/s in each part of the interval
}

// remoteParts is how many parts of an interval are plotted.
const remoteParts = 40

// measureRemote measures a running server and prints the report.
func (c *Cmd) measureRemote(ctx context.Context) error {
	return c.Flags.Run(ctx, "bench", func(server *remote.Connection) error {
		report := &RemoteReport{URL: server.URL}
		shapes := c.shapes()
		progress := terminal.NewProgress(os.Stderr, "bench", int64(len(c.Class)*len(shapes)), c.JSON)
		defer progress.End()
		for _, class := range c.Class {
			for _, s := range shapes {
				progress.Show(int64(len(report.Writes)), func() string { return fmt.Sprintf("%s, %d writers, batch %d", class, s.writers, s.batch) })
				w, err := c.loadRemote(ctx, server.Client, class, s)
				if err != nil {
					return err
				}
				report.Writes = append(report.Writes, w)
			}
		}
		if c.JSON {
			return json.NewEncoder(os.Stdout).Encode(report)
		}
		return report.write(os.Stdout)
	})
}

// loadRemote measures one class and shape on a topic of its own.
func (c *Cmd) loadRemote(ctx context.Context, api *client.Client, class string, s shape) (w RemoteWrite, err error) {
	topic := c.Topic + "-" + strings.ToLower(rand.Text()[:8])
	if _, err := api.PutTopic(ctx, topic, client.Config{Durability: class}); err != nil {
		return w, err
	}
	defer func() {
		// Also after an interrupt.
		_, deleted := api.DeleteTopic(context.WithoutCancel(ctx), topic, false)
		err = errors.Join(err, deleted)
	}()
	l := &remoteLoad{api: api, topic: topic, shape: s, data: payload(c.Size)}
	if err := l.run(ctx, c.Interval); err != nil {
		return w, err
	}
	w = RemoteWrite{Class: class, Writers: s.writers, Batch: s.batch}
	w.Writes = float64(len(l.latencies)) / l.elapsed.Seconds()
	w.Records = w.Writes * float64(s.batch)
	if len(l.latencies) > 0 {
		w.P50US, w.P99US = load.Micros(quantile.Median(l.latencies)), load.Micros(quantile.Of(l.latencies, 0.99))
	}
	for i := range l.parts {
		w.Series = append(w.Series, float64(l.parts[i].Load())/c.Interval.Seconds()*remoteParts)
	}
	w.ReadRecords, err = readRemote(ctx, api, topic, c.Interval)
	return w, err
}

// payload returns a JSON string of so many bytes.
func payload(size int) []byte { return []byte(`"` + strings.Repeat("x", max(size-2, 0)) + `"`) }

// remoteLoad is a number of writers in a closed loop.
type remoteLoad struct {
	api   *client.Client
	topic string
	shape
	data      []byte
	elapsed   time.Duration
	parts     [remoteParts]atomic.Int64 // records acknowledged in each part of the interval
	mu        sync.Mutex
	latencies []time.Duration // guarded by mu
}

// run writes for an interval. The first error ends all writers.
func (l *remoteLoad) run(ctx context.Context, interval time.Duration) error {
	entries := make([]client.Entry, l.batch)
	for i := range entries {
		entries[i].Data = l.data
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	began := time.Now()
	for range l.writers {
		running.Go(func() {
			w := &client.Write{Entries: entries, OmitSeqs: true, DisableBackpressure: true}
			var mine []time.Duration
			for ctx.Err() == nil && time.Since(began) < interval {
				sent := time.Now()
				if _, err := l.api.Append(ctx, l.topic, w); err != nil {
					cancel(err)
					break
				}
				mine = append(mine, time.Since(sent))
				part := int(time.Since(began) * remoteParts / interval)
				l.parts[min(part, remoteParts-1)].Add(int64(l.batch))
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.latencies = append(l.latencies, mine...)
		})
	}
	running.Wait()
	l.elapsed = time.Since(began)
	return context.Cause(ctx)
}

// readRemote reads the topic from its beginning, for an interval at most.
func readRemote(ctx context.Context, api *client.Client, topic string, interval time.Duration) (float64, error) {
	const page, pageBytes = 1000, 8 << 20
	began := time.Now()
	q := client.Query{Limit: page, MaxBytes: pageBytes}
	records := 0
	for time.Since(began) < interval {
		b, err := api.Diff(ctx, topic, q)
		if err != nil {
			return 0, err
		}
		records += len(b.Records)
		q.From = b.NextFrom
		if b.CaughtUp {
			break
		}
	}
	return float64(records) / time.Since(began).Seconds(), nil
}

// write writes the report for people: a table, and a plot of each load.
func (r *RemoteReport) write(w io.Writer) error {
	fmt.Fprintf(w, "%s, through the Go client of this machine\n\n", r.URL)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "class\twriters\tbatch\twrites/s\trecords/s\tp50 us\tp99 us\tread records/s\t")
	for _, m := range r.Writes {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", m.Class, m.Writers, m.Batch, figure(m.Writes), figure(m.Records), figure(m.P50US), figure(m.P99US), figure(m.ReadRecords))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range r.Writes {
		caption := fmt.Sprintf("records/s: %s, %d writers, batch %d", m.Class, m.Writers, m.Batch)
		if _, err := fmt.Fprintf(w, "\n%s\n", terminal.Plot(w, caption, m.Series)); err != nil {
			return err
		}
	}
	return nil
}
