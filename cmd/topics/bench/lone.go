package bench

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
)

// loneTurn is how long a single writer writes to one topic before it switches
// to the other. It is short, so that other activity of the machine affects both
// topics equally.
const loneTurn = 500 * time.Millisecond

// LoneResult is a writer with one connection that sends the next record once it
// has the answer, and therefore competes with the copying. It writes in turns
// to a topic that routers copy and to one that no router copies.
type LoneResult struct {
	Rounds     int     `json:"rounds"` // one turn of each topic
	Writes     int     `json:"writes"` // to the topic that is copied
	AloneP50US float64 `json:"alone_ack_p50_us"`
	P50US      float64 `json:"ack_p50_us"`
	// Ratio is the median of the ratios within each round.
	Ratio float64 `json:"ack_p50_to_alone"`
}

// loneRound is the median latency of each turn.
type loneRound struct{ alone, routed time.Duration }

// measureLone measures for as long as the steady writes lasted, in rounds that
// alternate in the order of their turns. A turn begins when all copies are
// made, and its first tenth is not counted.
func (b *bench) measureLone(ctx context.Context, s *server, api *client.Client) (r LoneResult, err error) {
	turn := min(loneTurn, b.cmd.Interval)
	var rounds []loneRound
	for i := range b.cmd.Repeats * int(b.cmd.Interval/turn) {
		var now loneRound
		for j := range 2 {
			if (i+j)%2 == 0 {
				took, err := writeInTurn(ctx, s, fanoutAlone, turn)
				if err != nil {
					return r, err
				}
				now.alone = quantile.Median(took)
				continue
			}
			took, err := writeInTurn(ctx, s, fanoutSource, turn)
			if err != nil {
				return r, err
			}
			if err := forwarded(ctx, api); err != nil {
				return r, err
			}
			now.routed = quantile.Median(took)
			r.Writes += len(took)
		}
		rounds = append(rounds, now)
	}
	r.Rounds = len(rounds)
	r.AloneP50US = medianOf(rounds, func(r loneRound) float64 { return load.Micros(r.alone) })
	r.P50US = medianOf(rounds, func(r loneRound) float64 { return load.Micros(r.routed) })
	r.Ratio = medianOf(rounds, func(r loneRound) float64 { return float64(r.routed) / float64(r.alone) })
	return r, nil
}

// writeInTurn writes as fast as it gets answers, and returns the latencies
// after the first tenth of the time.
func writeInTurn(ctx context.Context, s *server, topic string, turn time.Duration) (took []time.Duration, err error) {
	c, err := load.Dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	request := load.WriteRequest(topic, 1)
	for began := time.Now(); ; {
		sent := time.Now()
		if sent.Sub(began) > turn && len(took) > 0 || ctx.Err() != nil {
			return took, ctx.Err()
		}
		if _, err := c.Expect(request, 200, 201); err != nil {
			return nil, err
		}
		if sent.Sub(began) >= turn/10 {
			took = append(took, time.Since(sent))
		}
	}
}
