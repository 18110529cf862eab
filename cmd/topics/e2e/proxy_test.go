package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/client"
)

// behind runs a test with each proxy.
func behind(t *testing.T, test func(t *testing.T, name string)) {
	for _, name := range []string{"caddy", "haproxy", "nginx"} {
		t.Run(name, func(t *testing.T) {
			installed(t, name)
			test(t, name)
		})
	}
}

// TestProxiesDoNotBuffer writes each record only after the previous one was
// received from an SSE stream and from a WebSocket, so a proxy that buffers
// would block it.
func TestProxiesDoNotBuffer(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		_, p := fronted(t, name)
		c, f := p.client(), p.follow()
		want := numbers(topic, 50)
		for i, data := range want {
			write(t, c, topic, data)
			f.await(t, i+1)
		}
		// A long poll through the proxy is woken too.
		poll := make(chan error, 1)
		go func() {
			b, err := c.Diff(context.Background(), topic, client.Query{From: uint64(len(want)), Wait: 30 * time.Second})
			if err == nil && len(b.Records) != 1 {
				err = fmt.Errorf("%d records", len(b.Records))
			}
			poll <- err
		}()
		write(t, c, topic, `"late"`)
		if err := <-poll; err != nil {
			t.Errorf("long poll: %v", err)
		}
		f.await(t, len(want)+1)
		f.holds(t, append(want, `"late"`), 1)
		// A body of the largest default size passes through.
		big := append(append([]byte(`{"records":[`), bytes.Repeat([]byte(`{"data":"`+strings.Repeat("x", 900_000)+`"},`), 70)...), `{"data":1}]}`...)
		resp, err := p.http.Post(base+"/v0/topics/big", "application/json", bytes.NewReader(big))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
			t.Errorf("a write of %d bytes: %d %.200s %v", len(big), resp.StatusCode, body, err)
		}
	})
}

// TestFollowingThroughProxies kills the server twice while a writer writes and
// readers follow, all through a proxy. No reader misses anything, and nothing
// is written twice.
func TestFollowingThroughProxies(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		server, p := fronted(t, name)
		f := p.follow()
		want := numbers(topic, 900)
		fed := feed(p.client(), topic, want)
		for i, seen := range []int{250, 600} {
			f.await(t, seen)
			server.kill()
			server = server.again().ready()
			f.sse.comes(server, int64(i+2))
		}
		if err := <-fed; err != nil {
			t.Fatal(err)
		}
		f.await(t, len(want))
		f.holds(t, want, 3) // one for each life of the server
		t.Logf("%d and %d records came again", f.sse.again(), f.ws.again())
	})
}

// feed writes records one by one, each until it is acknowledged.
func feed(c *client.Client, topic string, all []string) <-chan error {
	done := make(chan error, 1)
	go func() {
		for i, data := range all {
			w, err := c.Append(context.Background(), topic, &client.Write{
				Entries:        []client.Entry{{Data: json.RawMessage(data)}},
				IdempotencyKey: fmt.Sprintf("%s/%d", topic, i),
			})
			if err == nil && w.LastSeq != uint64(i+1) {
				err = fmt.Errorf("record %d has seq %d", i+1, w.LastSeq)
			}
			if err != nil {
				done <- fmt.Errorf("feed %s: %w", topic, err)
				return
			}
		}
		done <- nil
	}()
	return done
}

// TestProxiesSendNothingBeforeReadiness uses a server that listens and never
// becomes ready.
func TestProxiesSendNothingBeforeReadiness(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		p := proxied(t, name, serve(t, ruined(t), publicName).addr())
		c := connect(t, base, client.Options{HTTP: p.http})
		// The answer is the same whether it comes from the server or from the proxy.
		var refused *client.Error
		p.until("it has looked at the server", func() bool {
			_, err := c.State(context.Background(), topic)
			return errors.As(err, &refused)
		})
		if refused.Code != client.CodeNotReady || refused.Status != http.StatusServiceUnavailable || refused.RetryAfter <= 0 {
			t.Errorf("refused with %+v", refused)
		}
		if fronts[name].gates {
			p.until("the proxy answers itself", func() bool { return p.status("/v0/health") == http.StatusServiceUnavailable })
		}
	})
}

// TestProxiesTakeADrainingServerOut holds that proxies with health checks send no
// more requests to a draining server, and do not interrupt its streams.
func TestProxiesTakeADrainingServerOut(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		if fronts[name].gates {
			takesADrainingServerOut(t, name)
		}
	})
}

func takesADrainingServerOut(t *testing.T, name string) {
	server, p := fronted(t, name, "TOPICS_DRAIN_DELAY_MS=60000", "TOPICS_DRAIN_TIMEOUT_MS=120000")
	f := p.follow()
	write(t, p.client(), topic, numbers(topic, 1)[0])
	f.await(t, 1)
	server.signal(syscall.SIGTERM)
	p.until("the server is taken out", func() bool { return p.status("/v0/topics") == http.StatusServiceUnavailable })
	want := numbers(topic, 20)
	for i, data := range want[1:] {
		write(t, server.client(), topic, data)
		f.await(t, i+2)
	}
	f.holds(t, want, 1)
}

// TestProxiesDoNotLogTokens uses ?token= as browsers do.
func TestProxiesDoNotLogTokens(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret, "TOPICS_LOG_LEVEL=trace").ready()
		p := proxied(t, name, server.addr())
		p.until("requests reach the server", func() bool { return p.status("/v0/topics") == http.StatusUnauthorized })
		conn, _, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(base, "http")+"/v0/ws?token="+secret,
			&websocket.DialOptions{HTTPClient: p.http})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("close: %v", err)
		}
		_, err = openStream(context.Background(), p.http, base+"/v0/watch/wid_none?token="+secret, "")
		var refused *status
		if !errors.As(err, &refused) || refused.code != http.StatusNotFound {
			t.Errorf("a watch that there is not: %v", err)
		}
		p.until("both are in the log", func() bool {
			log := p.stdout.String() + p.stderr.String()
			return strings.Contains(log, "/v0/ws") && strings.Contains(log, "/v0/watch/wid_none")
		})
		for _, log := range []string{p.stdout.String(), p.stderr.String(), server.stdout.String(), server.stderr.String()} {
			if strings.Contains(log, secret) {
				t.Errorf("the token is in the log:\n%s", log)
			}
		}
	})
}
