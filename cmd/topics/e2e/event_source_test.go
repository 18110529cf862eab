package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// TestEventSourceThroughProxies makes a page follow a topic with an EventSource and
// nothing else through each proxy, while the server is killed and is away for long
// enough that the page tries in vain. It is never closed for good, and has every
// record once.
func TestEventSourceThroughProxies(t *testing.T) {
	t.Parallel()
	installed(t, "chromium-headless-shell")
	behind(t, func(t *testing.T, name string) {
		followed := newBook()
		page := newPage(t, func(path string, body []byte) {
			if path == "/stream" {
				_ = followed.take(body) // the book keeps the error
			} else {
				_ = followed.fail("%s %s", path, body)
			}
		})
		server, p := fronted(t, name)
		var streams atomic.Int64
		page.api = p.passOn(&streams)
		c := p.client()
		if _, err := c.PutTopic(context.Background(), topic, client.Config{}); err != nil {
			t.Fatal(err)
		}
		page.script.Store(known(t, server, topic) + `
const source = new EventSource('/v0/watch?from_seq=0&topic=' + name);
source.addEventListener('record', e => report('/stream', JSON.parse(e.data)));
source.addEventListener('tombstone', e => report('/tombstone', e.data));
source.addEventListener('error', e => { if (source.readyState === EventSource.CLOSED) report('/closed', e.data); });
`)
		browse(t, page.URL)
		want := numbers(topic, 20)
		for i, data := range want {
			if i == 10 {
				followed.await(t, topic, i)
				server.kill()
				before := streams.Load()
				p.until("the page has tried without a server", func() bool { return streams.Load() > before })
				server = server.again().ready()
			}
			write(t, c, topic, data)
		}
		followed.await(t, topic, len(want))
		followed.holds(t, topic, want)
		if followed.again() > 0 {
			t.Errorf("the page took %d records twice", followed.again())
		}
	})
}

// TestLongIDsThroughProxies goes on from the id of a stream of as many topics as a
// stream may have, whose seqs are large, by a URL that is long, too.
func TestLongIDsThroughProxies(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		_, p := fronted(t, name)
		if _, err := p.client().PutTopic(context.Background(), topic, client.Config{}); err != nil {
			t.Fatal(err)
		}
		places := make([]string, 256)
		var query strings.Builder
		for i := range places {
			places[i] = fmt.Sprintf(`"#hash-of-%03d":%d`, i, uint64(1e15)+uint64(i))
			if i > 0 {
				fmt.Fprintf(&query, "&topic=of-the-tenant-%d-and-gone", i)
			}
		}
		id := base64.RawURLEncoding.EncodeToString([]byte("{" + strings.Join(places, ",") + "}"))
		s, err := openStream(t.Context(), p.http, base+"/v0/watch?lenient=true&topic="+topic+query.String(), id)
		if err != nil {
			t.Fatalf("an id of %d bytes and a query of %d: %v", len(id), query.Len(), err)
		}
		defer s.close()
		ev, err := s.next()
		if err != nil || ev.name != "caught-up" {
			t.Errorf("%+v, %v", ev, err)
		}
	})
}
