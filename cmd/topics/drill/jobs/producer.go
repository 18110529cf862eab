package jobs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// mostInWrite is the largest number of jobs in one write.
const mostInWrite = 20

// written is a job that was acknowledged.
type written struct {
	job
	seq      uint64
	sent     int64 // Unix ns, before the write was sent for the first time
	answered int64
}

// producer writes all planned jobs, each class on a goroutine of its own.
type producer struct {
	api   *client.Client
	plan  plan
	jobs  int
	lines [][]byte // payloads, used in turn; never empty
	count atomic.Int64
	mu    sync.Mutex
	all   []written
}

// run writes all jobs. Each write is repeated until it is acknowledged, with a
// key that makes the repeats harmless.
func (p *producer) run(ctx context.Context) error {
	errs := make([]error, len(classes))
	var writing sync.WaitGroup
	for i, c := range classes {
		writing.Go(func() { errs[i] = p.write(ctx, c) })
	}
	writing.Wait()
	return errors.Join(errs...)
}

// write writes the jobs of a class.
func (p *producer) write(ctx context.Context, c class) error {
	rng := rand.New(rand.NewPCG(p.plan.seed, 1<<40))
	var batch []job
	want := 1 + rng.IntN(mostInWrite)
	for n := range p.jobs {
		j := p.plan.job(n)
		if j.class != c {
			continue
		}
		batch = append(batch, j)
		if len(batch) < want {
			continue
		}
		if err := p.send(ctx, c, batch); err != nil {
			return err
		}
		batch, want = batch[:0], 1+rng.IntN(mostInWrite)
	}
	if len(batch) == 0 {
		return nil
	}
	return p.send(ctx, c, batch)
}

func (p *producer) send(ctx context.Context, c class, batch []job) error {
	w := &client.Write{IdempotencyKey: fmt.Sprint(c, "-", batch[0].number), DisableBackpressure: true}
	for i := range batch {
		w.Entries = append(w.Entries, batch[i].entry(p.lines[batch[i].number%len(p.lines)]))
	}
	sent := time.Now().UnixNano()
	a, err := p.api.Append(ctx, c.queue(), w)
	if err != nil {
		return fmt.Errorf("write jobs to %s: %w", c.queue(), err)
	}
	if len(a.Seqs) != len(batch) {
		return fmt.Errorf("a write of %d jobs to %s was answered with %d seqs", len(batch), c.queue(), len(a.Seqs))
	}
	answered := time.Now().UnixNano()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, j := range batch {
		p.all = append(p.all, written{job: j, seq: a.Seqs[i], sent: sent, answered: answered})
	}
	p.count.Add(int64(len(batch)))
	return nil
}

// maxLine is the longest line of a file of payloads, in bytes.
const maxLine = 1 << 20

// payloads returns the JSON values of a file of JSON lines, gzipped if its name
// ends in .gz, or generated ones if the name is empty. It reads at most n.
func payloads(name string, n int, seed uint64) ([][]byte, error) {
	if name == "" {
		return generated(min(n, 1000), seed), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	var all [][]byte
	for len(all) < n && lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) > 0 {
			all = append(all, bytes.Clone(lines.Bytes()))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no lines", name)
	}
	return all, nil
}

// generated returns n payloads of the shape of orders.
func generated(n int, seed uint64) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 2<<40))
	all := make([][]byte, n)
	for i := range all {
		b := fmt.Appendf(nil, `{"order":%d,"customer":"c-%d","total":%d.%02d,"lines":[`, i, rng.IntN(n), rng.IntN(500), rng.IntN(100))
		for k := range 1 + rng.IntN(8) {
			if k > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, `{"sku":"%08x","n":%d}`, rng.Uint32(), 1+rng.IntN(5))
		}
		all[i] = append(b, "]}"...)
	}
	return all
}
