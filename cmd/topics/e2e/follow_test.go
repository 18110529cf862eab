package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// TestWatchOverRestarts follows two topics by name and others by prefix, some
// of which are created meanwhile, in one stream, across two kills and a clean
// shutdown. From one connection to the next only the id of the last event is
// kept, which has all cursors.
func TestWatchOverRestarts(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	c := server.retrying()
	for _, name := range []string{"orders", "alerts", "tenant:1"} {
		if _, err := c.PutTopic(context.Background(), name, client.Config{}); err != nil {
			t.Fatal(err)
		}
	}
	w := &watcher{book: newBook(), http: described(&http.Transport{}, nil), base: server.url(),
		topics: []string{"orders", "alerts"}, prefixes: []string{"tenant:"}, byID: true}
	following(t, w.follow)
	records := map[string]int{"orders": 800, "alerts": 300, "tenant:1": 500, "tenant:2": 400}
	fed := map[string]<-chan error{}
	for name, n := range records {
		fed[name] = feed(c, name, numbers(name, n))
	}
	w.await(t, "orders", 200)
	server.kill()
	server = server.again().ready()
	w.comes(server, 2)
	w.await(t, "orders", 400)
	w.await(t, "tenant:2", 100) // it was added by its prefix
	server.stop()
	server = server.again().ready()
	w.comes(server, 3)
	w.await(t, "orders", 600)
	server.kill()
	server = server.again().ready()
	w.comes(server, 4)
	for name, n := range records {
		if err := <-fed[name]; err != nil {
			t.Fatal(err)
		}
		w.await(t, name, n)
		w.holds(t, name, numbers(name, n))
	}
	if n := w.sessions.Load(); n != 4 {
		t.Errorf("%d sessions were made for four lives of the server", n)
	}
	t.Logf("%d records came again", w.again())

	// Without a restart the same session continues.
	w.http.CloseIdleConnections()
	before := w.resumed.Load()
	server.until("a cut stream was resumed", func() bool {
		w.cut()
		return w.resumed.Load() > before+3
	})
	more := numbers("orders", records["orders"]+5)
	for _, data := range more[records["orders"]:] {
		write(t, c, "orders", data)
	}
	w.await(t, "orders", len(more))
	w.holds(t, "orders", more)
	if n := w.sessions.Load(); n != 4 {
		t.Errorf("%d sessions were made after streams were cut", n)
	}
}

// TestCrowdOverAKill has so many followers of one topic that the server sends to them in
// groups, while their streams are cut at random, over a kill and a clean shutdown. Each
// has each record, in order.
func TestCrowdOverAKill(t *testing.T) {
	t.Parallel()
	const followers, records = 70, 300
	server := serve(t, t.TempDir()).ready()
	c := server.retrying()
	if _, err := c.PutTopic(t.Context(), "news", client.Config{}); err != nil {
		t.Fatal(err)
	}
	transport := described(&http.Transport{}, nil)
	var all []*watcher
	for range followers {
		w := &watcher{book: newBook(), http: transport, base: server.url(), topics: []string{"news"}}
		following(t, w.follow)
		all = append(all, w)
	}
	for _, w := range all {
		w.comes(server, 1)
	}
	fed := feed(c, "news", numbers("news", records))
	over := make(chan struct{})
	defer close(over)
	go func() {
		r := rand.New(rand.NewPCG(1, 1))
		pause := time.NewTicker(5 * time.Millisecond)
		defer pause.Stop()
		for {
			select {
			case <-over:
				return
			case <-pause.C:
				w := all[r.IntN(followers)]
				if w.cursor("news") > 0 { // else it has no id to come back with
					w.cut()
				}
			}
		}
	}()
	for i, end := range []func(*process){(*process).kill, func(p *process) { p.stop() }} {
		all[i].await(t, "news", (i+1)*records/3)
		end(server)
		server = server.again().ready()
	}
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		w.await(t, "news", records)
		w.holds(t, "news", numbers("news", records))
	}
}
