package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/socket"
)

// However connections end, a client that goes on from the last seq it has seen
// gets every record once and in order, and the server is left as it was.
func TestSocketRandomCuts(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, nil, heat)
		s.put(t, "t", `{}`)
		const records, readers, noisy = 3000, 4, 4
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 0; i < records; i += 10 {
				var data []string
				for k := range 10 {
					data = append(data, fmt.Sprint(i+k))
				}
				s.write(t, "t", data...)
			}
		})
		for reader := range readers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(reader), 1))
				for at := uint64(0); at < records; {
					at = s.followUntilCut(t, at, rng.IntN(20))
				}
			})
		}
		for n := range noisy {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(n), 2))
				for range 30 {
					s.babble(t, rng)
				}
			})
		}
		wg.Wait()
		<-s.sockets.Empty()
	})
}

// followUntilCut reads so many messages behind a seq and then cuts the
// connection. It returns the last seq it saw.
func (s *realServer) followUntilCut(t *testing.T, at uint64, messages int) uint64 {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/v0/ws", nil)
	if err != nil {
		t.Errorf("dialling: %v", err)
		return at
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	c := &wsClient{conn, t, ctx}
	if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"op":"subscribe","topic":"t","from_seq":%d,"limit":20}`, at)); err != nil {
		t.Error(err)
		return at
	}
	for ; messages >= 0 && at < 3000; messages-- {
		m, err := c.listen()
		if err != nil {
			t.Errorf("after %d: %v", at, err)
			return 3000
		}
		for _, r := range m.Records {
			if r.Seq != at+1 || string(r.Data) != fmt.Sprint(at) {
				t.Errorf("record %d %s after %d", r.Seq, r.Data, at)
				return 3000
			}
			at = r.Seq
		}
	}
	return at
}

// babble sends commands of all kinds and cuts the connection at some moment.
func (s *realServer) babble(t *testing.T, rng *rand.Rand) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/v0/ws", nil)
	if err != nil {
		t.Errorf("dialling: %v", err)
		return
	}
	defer conn.CloseNow()
	for range rng.IntN(60) {
		message := []string{
			`{"op":"publish","topic":"noise","records":[{"data":1},{"data":2}]}`,
			`{"op":"publish","topic":"noise:fsync","records":[{}],"config":{"durability":"fsync"}}`,
			`{"op":"subscribe","topic":"t"}`, `{"op":"subscribe","topic":"t","limit":3}`,
			`{"op":"subscribe","prefixes":{"noise":{}},"limit":4}`, `{"op":"unsubscribe","prefixes":["noise"]}`,
			`{"op":"unsubscribe","topic":"t"}`, `{"op":"ping"}`, `{"op":"`,
		}[rng.IntN(9)]
		if conn.Write(ctx, websocket.MessageText, []byte(message)) != nil {
			return
		}
	}
	if rng.IntN(2) == 0 {
		_, _, _ = conn.Read(ctx) // something was said, or not
	}
}
