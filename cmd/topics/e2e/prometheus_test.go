package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/client"
)

// TestPrometheusSeesTheReplay scrapes a server that is killed and replays its log:
// it is up all the time that its process lives, and readiness and progress rise.
func TestPrometheusSeesTheReplay(t *testing.T) {
	t.Parallel() // it waits most of the time
	env := []string{"TOPICS_API_KEYS=" + secret, "TOPICS_CHECKPOINT_BYTES=1TiB", "TOPICS_CHECKPOINT_INTERVAL_MS=0"}
	server := serve(t, t.TempDir(), env...).ready()
	p := scraping(t, server, 200*time.Millisecond)
	p.until("it scrapes", func() bool { return p.has("topics_ready == 1") })
	fillLog(t, server.keyed(), *replayMiB<<20)
	// On a fast machine the replay may end between two scrapes, and would each time, since
	// the start follows a scrape: what was not seen is repeated with a longer log.
	var progress []string
	for rounds, seen := 0, 0; len(progress) < 3; rounds++ {
		if rounds == 20 {
			t.Fatalf("only %v was seen of the progress", progress)
		}
		if rounds > 0 && len(progress) == seen {
			fillLog(t, server.keyed(), *replayMiB<<20)
		}
		seen = len(progress)
		server.kill()
		p.until("the server is down", func() bool { return p.has("up == 0") })
		server = server.again().ready()
		p.until("it is up again", func() bool { return p.has("up == 1 and topics_ready == 1") })
		for _, v := range p.samples("topics_recovery_progress") {
			if v != "0" && v != "1" && !slices.Contains(progress, v) {
				progress = append(progress, v)
			}
		}
	}
	t.Logf("progress: %v", progress)
	ready := strings.Join(slices.Compact(p.samples("topics_ready")), " ")
	if !strings.HasPrefix(ready, "1 0 1") {
		t.Errorf("topics_ready was %s", ready)
	}
	// While the process lives every scrape works: what is not ready is up.
	if p.has(`up == 0 and topics_ready`) || !p.has(`max_over_time((topics_ready == bool 0)[10m:200ms]) == 1`) {
		t.Error("it was not seen up and not ready")
	}
	for _, alert := range []string{"TopicsReplayStuck", "TopicsRecoveryFailed", "TopicsDown"} {
		if p.has(`ALERTS{alertname="` + alert + `",alertstate="firing"}`) {
			t.Errorf("%s fires", alert)
		}
	}
}

// TestHeldSyncRaisesAnAlert holds a sync of the log: the alert fires, and resolves
// when the disk answers.
func TestHeldSyncRaisesAnAlert(t *testing.T) {
	t.Parallel() // it waits most of the time
	file := filepath.Join(t.TempDir(), "port")
	server := command(t, []string{"TOPICS_PORT=0", "TOPICS_PORT_FILE=" + file, "TOPICS_DATA_DIR=" + t.TempDir(), "TOPICS_API_KEYS=" + secret}, "serve-held")
	server.port = file
	server.until("it listens", func() bool { _, err := os.Stat(file); return err == nil })
	c := server.keyed()
	if err := c.WaitReady(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutTopic(context.Background(), topic, client.Config{Durability: "fsync"}); err != nil {
		t.Fatal(err)
	}
	p := scraping(t, server, 200*time.Millisecond)
	const firing = `ALERTS{alertname="TopicsSyncStuck",alertstate="firing"}`
	p.until("it scrapes", func() bool { return p.has("topics_ready == 1") })
	// A slow disk may have held a sync by itself.
	if p.has(firing) && !p.has("max_over_time(topics_wal_sync_in_flight_seconds[10m]) > 0.5 or max_over_time(topics_wal_write_in_flight_seconds[10m]) > 10") {
		t.Error("it fires already")
	}
	server.signal(syscall.SIGUSR1)
	// The signal may be handled after some writes. The first one after it waits.
	ctx, stop := context.WithCancel(context.Background())
	written := make(chan [2]uint64, 1)
	go func() {
		var n, seq uint64
		for ; ctx.Err() == nil; n++ {
			seq = write(t, c, topic, `1`)
		}
		written <- [2]uint64{n, seq}
	}()
	p.until("the alert fires", func() bool { return p.has(firing) })
	stop()
	server.signal(syscall.SIGUSR2)
	p.until("the alert resolves", func() bool { return !p.has(firing) })
	if w := <-written; w[0] != w[1] {
		t.Errorf("%d writes, the last one of which has the seq %d", w[0], w[1])
	}
}

// TestDashboardShowsALoad asks a Prometheus each query of the dashboard while a
// server has clients of every kind. Each must have series.
func TestDashboardShowsALoad(t *testing.T) {
	t.Parallel() // it waits most of the time
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret).ready()
	p := scraping(t, server, time.Second) // a scrape takes its time beside such a load
	var stopped sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	defer func() { stop(); stopped.Wait() }()
	prepare(t, server.keyed())
	follow(t, keyed(), server.url(), topic)
	stopped.Go(func() { busy(ctx, t, server.keyed()) })
	stopped.Go(func() { commands(ctx, t, server) })

	queries := dashboardQueries(t)
	if len(queries) < 150 {
		t.Errorf("the dashboard has %d queries", len(queries))
	}
	empty := queries
	deadline := time.Now().Add(patience)
	for len(empty) > 0 && time.Now().Before(deadline) {
		empty = slices.DeleteFunc(empty, p.has)
	}
	for _, q := range empty {
		t.Errorf("no series: %s", q)
	}
}

// dashboardQueries returns the queries of the dashboard, with its variables as
// Grafana would put them.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard struct{ Panels []dashboardPanel }
	if err := json.Unmarshal([]byte(deployed(t, "grafana/topics.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "10s", "$job", ".+", "$instance", ".+")
	var collect func(panels []dashboardPanel)
	collect = func(panels []dashboardPanel) {
		for _, panel := range panels {
			for _, target := range panel.Targets {
				queries = append(queries, variables.Replace(target.Expr))
			}
			collect(panel.Panels)
		}
	}
	collect(dashboard.Panels)
	return queries
}

type dashboardPanel struct {
	Targets []struct{ Expr string }
	Panels  []dashboardPanel
}

// prepare makes topics, a router and a queue.
func prepare(t *testing.T, c *client.Client) {
	t.Helper()
	ctx, dead := context.Background(), "dead"
	for name, config := range map[string]client.Config{
		topic: {Durability: "fsync", CapRecords: 100}, "copies": {}, "dead": {}, "jobs": {Type: "queue", DeadLetter: &dead},
	} {
		if _, err := c.PutTopic(ctx, name, config); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.PutRouter(ctx, "copy", client.Router{Source: topic, Dest: "copies"}); err != nil {
		t.Fatal(err)
	}
}

// busy writes, claims, acks and nacks, until the context is done.
func busy(ctx context.Context, t *testing.T, c *client.Client) {
	for n := 0; ctx.Err() == nil; n++ {
		write(t, c, topic, strconv.Itoa(n))
		write(t, c, "jobs", strconv.Itoa(n))
		claimed, err := c.Claim(ctx, "jobs", client.Claim{Node: "worker", Max: 10})
		if err == nil && len(claimed.Jobs) > 0 {
			held := client.Hold("worker", &claimed.Jobs[0])
			if n%10 == 0 {
				_, err = c.Nack(ctx, "jobs", held, client.Return{Dead: true})
			} else {
				_, err = c.Ack(ctx, "jobs", held)
			}
		}
		if err != nil && ctx.Err() == nil {
			t.Errorf("worker: %v", err)
			return
		}
	}
}

// commands sends commands over a WebSocket.
func commands(ctx context.Context, t *testing.T, server *process) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server.url(), "http")+"/v0/ws", &websocket.DialOptions{HTTPClient: keyed()})
	if err != nil {
		t.Errorf("WebSocket: %v", err)
		return
	}
	defer conn.CloseNow()
	for ctx.Err() == nil {
		if err := conn.Write(ctx, websocket.MessageText, []byte(`{"op":"ping"}`)); err != nil {
			return // the test ends
		}
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
	}
}
