package e2e

import (
	"context"
	"net/http"
	"testing"

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
