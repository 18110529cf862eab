package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// socket follows topics over WebSocket. Each connection begins at the last seqs
// received.
type socket struct {
	*book
	http   *http.Client // nil for the default client
	base   string       // http://...
	topics []string
}

// dial connects and subscribes.
func (s *socket) dial(ctx context.Context) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.base, "http")+"/v0/ws", &websocket.DialOptions{HTTPClient: s.http})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(16 << 20)
	topics := map[string]any{}
	for _, name := range s.topics {
		topics[name] = map[string]any{"from_seq": s.cursor(name)}
	}
	message, err := json.Marshal(map[string]any{"op": "subscribe", "request_id": "s", "topics": topics})
	if err != nil {
		return nil, err
	}
	if err := conn.Write(ctx, websocket.MessageText, message); err != nil {
		_ = conn.CloseNow() // the write has returned the error
		return nil, err
	}
	return conn, nil
}

// follow connects repeatedly until ctx is done.
func (s *socket) follow(ctx context.Context) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		if conn, err := s.dial(ctx); err == nil {
			s.read(ctx, conn)
			_ = conn.CloseNow() // the connection has failed already
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// read takes messages until the connection ends.
func (s *socket) read(ctx context.Context, conn *websocket.Conn) {
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var m struct {
			Op   string `json:"op"`
			Code string `json:"code"`
		}
		if err := json.Unmarshal(b, &m); err != nil {
			_ = s.fail("%w in %s", err, b)
			return
		}
		switch {
		case m.Op == "record":
			if s.take(b) != nil {
				return
			}
		case m.Op == "subscribed", m.Op == "caught_up":
		case m.Op == "error" && m.Code == "shutting_down":
		default:
			_ = s.fail("the socket says %s", b)
			return
		}
	}
}
