package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// poolMiB is how much log the killed server of TestPool replays.
var poolMiB = flag.Int("pool-mib", 32, "MiB of log in the test of two servers")

// TestPool has two servers after each proxy, under load. One of them is killed,
// replays its log, is drained and started again. It gets no data request that it
// must refuse because it is not ready, by its own metrics, and no writer with an
// idempotency key and no reader sees a failure.
func TestPool(t *testing.T) {
	for name, start := range pools {
		t.Run(name, func(t *testing.T) {
			installed(t, name)
			t.Parallel() // it waits for probes and drains most of the time
			p := newPool(t)
			p.proxy = start(t, p.first.addr(), p.second.addr())
			p.run()
		})
	}
}

// pools start a proxy for two servers.
var pools = map[string]func(t *testing.T, first, second string) *proxy{
	"haproxy": func(t *testing.T, first, second string) *proxy {
		const line = "    server topics1 10.0.0.1:4000\n"
		return proxiedWith(t, "haproxy", replaced(t, deployed(t, fronts["haproxy"].config), line,
			"    server topics1 "+first+"\n    server topics2 "+second+"\n"))
	},
	"caddy": func(t *testing.T, first, second string) *proxy {
		return proxiedWith(t, "caddy", replaced(t, deployed(t, fronts["caddy"].config), "10.0.0.1:4000", first+" "+second))
	},
	"nginx": nginxPool,
}

// nginxPool starts nginx and the script that keeps its list of servers.
func nginxPool(t *testing.T, first, second string) *proxy {
	t.Helper()
	installed(t, "curl")
	dir := t.TempDir()
	list := written(t, dir, "topics.servers", "server "+first+"; server "+second+";\n")
	config := replaced(t, deployed(t, fronts["nginx"].config), "    server 10.0.0.1:4000;\n", "    include "+list+";\n")
	p := proxiedWith(t, "nginx pool", config)
	t.Cleanup(func() { // a kill would leave its processes
		p.signal(syscall.SIGTERM)
		p.exit()
	})
	script := exec.Command("sh", filepath.Join("..", "..", "..", "docs", "deploy", "nginx", "ready.sh"), list, first, second)
	script.Env = append(os.Environ(), fmt.Sprintf("RELOAD=kill -HUP %d", p.cmd.Process.Pid))
	start(t, script)
	return p
}

// pool is two servers that clients use through a proxy. They have different
// records, so that clients do not care which answers.
type pool struct {
	t             *testing.T
	first, second *process // the first is killed, drained and restarted
	proxy         *proxy
	began         time.Time
	stop          atomic.Bool
	clients       sync.WaitGroup
	written       [4]atomic.Int64 // records acknowledged to each writer
	read          atomic.Int64
}

// drainDelay is the least that a proxy needs to notice that a server drains.
const drainDelay = 3 * time.Second

func newPool(t *testing.T) *pool {
	t.Helper()
	env := []string{publicName, "TOPICS_CHECKPOINT_BYTES=1TiB", "TOPICS_CHECKPOINT_INTERVAL_MS=0", fmt.Sprint("TOPICS_DRAIN_DELAY_MS=", drainDelay.Milliseconds())}
	p := &pool{t: t, first: serve(t, t.TempDir(), env...).ready(), second: serve(t, t.TempDir(), env...).ready()}
	fillLog(t, p.first.client(), *poolMiB<<20)
	return p
}

func (p *pool) run() {
	p.proxy.ready()
	p.began = time.Now()
	for i := range p.written {
		p.clients.Go(func() { p.write(i) })
	}
	p.clients.Go(p.reads)

	p.busy("both are ready")
	p.first.kill()
	p.note("the first is killed")
	p.without("the proxy has noticed")
	p.first = p.first.again()
	p.note("the first replays")
	p.first.ready()
	p.note("the first is ready")
	p.busy("the first has requests again")

	p.drain()
	p.first = p.first.again().ready()
	p.busy("the first is ready again")

	p.stop.Store(true)
	p.clients.Wait()
	p.holds()
}

// write appends records, each until it is acknowledged.
func (p *pool) write(writer int) {
	c := connect(p.t, base, client.Options{HTTP: p.proxy.http, RetryFor: patience})
	for n := 0; !p.stop.Load(); n++ {
		w := &client.Write{
			Entries:        []client.Entry{{Data: json.RawMessage(strconv.Itoa(n))}},
			IdempotencyKey: fmt.Sprintf("%d/%d", writer, n),
		}
		if _, err := c.Append(context.Background(), poolTopic(writer), w); err != nil {
			p.t.Errorf("writer %d: %v", writer, err)
			return
		}
		p.written[writer].Add(1)
	}
}

func poolTopic(writer int) string { return "writer-" + strconv.Itoa(writer) }

func (p *pool) reads() {
	c := connect(p.t, base, client.Options{HTTP: p.proxy.http, RetryFor: patience})
	for !p.stop.Load() {
		for _, err := range c.Topics(context.Background(), "") {
			if err != nil {
				p.t.Errorf("reader: %v", err)
				return
			}
		}
		p.read.Add(1)
	}
}

// note prints a line of the timeline.
func (p *pool) note(event string) {
	acknowledged := int64(0)
	for i := range p.written {
		acknowledged += p.written[i].Load()
	}
	p.t.Logf("%7.3f s  %-30s %6d writes and %6d reads are answered", time.Since(p.began).Seconds(), event, acknowledged, p.read.Load())
}

// busy waits until both servers have had a hundred more data requests each.
func (p *pool) busy(event string) {
	for _, s := range []*process{p.first, p.second} {
		before, _ := dataRequests(p.t, s)
		s.until("it has requests", func() bool {
			now, refused := dataRequests(p.t, s)
			if refused > 0 {
				p.t.Fatalf("%d data requests reached a server that was not ready", refused)
			}
			return now >= before+100
		})
	}
	p.note(event)
}

// without waits until the proxy sends requests to the second server alone, which
// has answered thirty in a row then, and until it has none left for the first: it
// sends a request that was cut off to the same server again, up to a second later.
func (p *pool) without(event string) {
	inARow := 0
	p.proxy.until("the first is out", func() bool {
		if p.proxy.status("/v0/topics") == 200 {
			inARow++
		} else {
			inARow = 0
		}
		return inARow == 30
	})
	answered := func() []int64 {
		all := []int64{p.read.Load()}
		for i := range p.written {
			all = append(all, p.written[i].Load())
		}
		return all
	}
	before := answered()
	p.proxy.until("each client has had two more answers", func() bool {
		for i, n := range answered() {
			if n < before[i]+2 {
				return false
			}
		}
		return true
	})
	p.note(event)
}

// drain drains the first server, and again with a longer delay if the proxy, on a
// machine that stalls, has not noticed within the delay that docs/deploy asks for.
func (p *pool) drain() {
	for delay := drainDelay; ; delay *= 4 {
		p.first.signal(syscall.SIGTERM)
		p.note("the first drains")
		refused := p.drained()
		p.without("the first has ended")
		if refused == 0 {
			return
		}
		if delay > 10*drainDelay {
			p.t.Fatalf("%d data requests reached a server that had drained for %v and took none", refused, delay)
		}
		p.t.Logf("%d data requests came later than %v", refused, delay)
		p.first.env = append(p.first.env, fmt.Sprint("TOPICS_DRAIN_DELAY_MS=", 4*delay.Milliseconds()))
		p.first = p.first.again().ready()
		p.busy("the first is there once more")
	}
}

// drained waits until the first server has ended. It answers scrapes to the end.
// drained returns how many data requests it refused.
func (p *pool) drained() (refused int) {
	p.first.until("it ends", func() bool {
		text, err := p.first.client().Metrics(context.Background())
		if err == nil {
			_, refused = countData(text)
			return false
		}
		select {
		case <-p.first.done:
			return true
		default:
			return false
		}
	})
	if code := p.first.exit(); code != 0 {
		p.t.Errorf("the drain ended with %d", code)
	}
	return refused
}

// dataRequests returns how many requests for topics a server has answered in this
// run, and how many of them it refused because it was not ready.
func dataRequests(t *testing.T, s *process) (all, refused int) {
	t.Helper()
	text, err := s.client().Metrics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return countData(text)
}

var dataSeries = regexp.MustCompile(`(?m)^topics_http_requests_total\{route="/v0/topics[^"]*",method="[A-Z]+",code="(\d+)"\} (\d+)$`)

func countData(metrics string) (all, refused int) {
	for _, m := range dataSeries.FindAllStringSubmatch(metrics, -1) {
		n, _ := strconv.Atoi(m[2]) // digits
		all += n
		if m[1] == "503" {
			refused += n
		}
	}
	return all, refused
}

// holds checks that every acknowledged record is on one of the servers.
func (p *pool) holds() {
	for i := range p.written {
		found := map[string]bool{}
		for _, s := range []*process{p.first, p.second} {
			maps.Copy(found, payloads(p.t, s, poolTopic(i)))
		}
		for n := range p.written[i].Load() {
			if !found[strconv.FormatInt(n, 10)] {
				p.t.Fatalf("writer %d: record %d was acknowledged and is on neither server", i, n)
			}
		}
	}
}

// payloads returns the data of a topic's records.
func payloads(t *testing.T, s *process, topic string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for q := (client.Query{Limit: 1000}); ; {
		b, err := s.client().Diff(context.Background(), topic, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			all[strings.TrimSpace(string(r.Data))] = true
		}
		if q.From = b.NextFrom; b.CaughtUp {
			return all
		}
	}
}
