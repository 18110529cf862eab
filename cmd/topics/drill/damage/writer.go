package damage

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/e6e95bb8/topics/api/client"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// write appends a batch that no other is like, and notes what was acked.
func (p *pages) write(ctx context.Context, c *client.Client, rng *rand.Rand, number, count int) (found []breach, err error) {
	w := &client.Write{DisableBackpressure: true}
	if number%3 == 0 {
		w.IdempotencyKey = fmt.Sprintf("%s-%d", p.name, number)
	}
	var entries []entry
	for i := range count {
		tag := fmt.Sprintf("t%d-%d", rng.IntN(4), number)
		padding := make([]byte, rng.IntN(1600))
		for i := range padding {
			padding[i] = alphabet[rng.IntN(len(alphabet))]
		}
		data := fmt.Appendf(nil, `{"topic":%q,"write":%d,"index":%d,"padding":"%s"}`, p.name, number, i, padding)
		w.Entries = append(w.Entries, client.Entry{Data: data, Tag: &tag})
		entries = append(entries, entry{sumOf(data), tag})
	}
	acked, err := c.Append(ctx, p.name, w)
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", p.name, err)
	}
	for i, e := range entries {
		if b, broken := p.promise(acked.FirstSeq+uint64(i), e); broken {
			found = append(found, b)
		}
	}
	if w.IdempotencyKey != "" && p.class.survives() {
		p.keys[acked.FirstSeq] = w.IdempotencyKey
	}
	return found, nil
}

// again repeats the write whose first seq is given, with its key, and returns
// where the server reports it to be.
func (p *pages) again(ctx context.Context, c *client.Client, first uint64) (uint64, error) {
	w := &client.Write{IdempotencyKey: p.keys[first], DisableBackpressure: true, Entries: []client.Entry{{Data: []byte(`"again"`)}}}
	acked, err := c.Append(ctx, p.name, w)
	if err != nil {
		return 0, fmt.Errorf("repeat a write to %s: %w", p.name, err)
	}
	if !acked.Deduped {
		p.records[acked.FirstSeq] = entry{sum: sumOf(w.Entries[0].Data)}
	}
	return acked.FirstSeq, nil
}

// survives reports whether everything acked is there after a kill -9.
func (c class) survives() bool { return c == disk || c == fsync }
