package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// oneStep follows what a URL names, and keeps nothing but the id of the last
// event, as a browser does.
type oneStep struct {
	*book
	http *http.Client
	url  string
	id   string
}

// follow connects repeatedly until ctx is done.
func (o *oneStep) follow(ctx context.Context) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		o.stream(ctx)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// stream takes events until the connection ends.
func (o *oneStep) stream(ctx context.Context) {
	s, err := openStream(ctx, o.http, o.url, o.id)
	if err != nil {
		return
	}
	defer s.close()
	for {
		ev, err := s.next()
		switch {
		case err != nil:
			return
		case ev.name == "record" && o.take([]byte(ev.data)) != nil, ev.name == "tombstone" && o.fail("%s", ev.data) != nil:
			return
		}
		o.id = s.id
	}
}

// TestURLThroughProxies follows two topics, one of which is created by the way,
// by a URL through each proxy, over two kills of the server.
func TestURLThroughProxies(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, name string) {
		server, p := fronted(t, name)
		if _, err := p.client().PutTopic(context.Background(), topic, client.Config{}); err != nil {
			t.Fatal(err)
		}
		f := &oneStep{book: newBook(), http: p.http, url: p.client().WatchURL([]string{topic}, []string{"tenant:"}, new(uint64))}
		following(t, f.follow)
		want := numbers(topic, 600)
		fed := feed(p.client(), topic, want)
		for _, seen := range []int{150, 350} {
			f.await(t, topic, seen)
			server.kill()
			server = server.again().ready()
			write(t, p.client(), "tenant:1", "1")
		}
		if err := <-fed; err != nil {
			t.Fatal(err)
		}
		f.await(t, topic, len(want))
		f.await(t, "tenant:1", 2)
		f.holds(t, topic, want)
		f.holds(t, "tenant:1", []string{"1", "1"})
		t.Logf("%d records came again", f.again())
	})
}

// TestCurl follows a topic with curl -N, from the server itself and through each
// proxy: each record is written after the one before was seen.
func TestCurl(t *testing.T) {
	curl := installed(t, "curl")
	for _, name := range []string{"itself", "caddy", "haproxy", "nginx"} {
		t.Run(name, func(t *testing.T) {
			args := []string{"-N", "-sS"}
			var c *client.Client
			if name == "itself" {
				server := serve(t, t.TempDir()).ready()
				c = server.client()
				args = append(args, c.WatchURL([]string{topic}, nil, nil))
			} else {
				installed(t, name)
				_, p := fronted(t, name)
				c = p.client()
				args = append(args, "--unix-socket", p.socket, c.WatchURL([]string{topic}, nil, nil))
			}
			if _, err := c.PutTopic(context.Background(), topic, client.Config{}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, curl, args...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cancel()
				_ = cmd.Wait() // it was killed
			}()
			s := &stream{body: io.NopCloser(nil), r: bufio.NewReader(out)}
			if ev, err := s.next(); err != nil || ev.name != "caught-up" {
				t.Fatalf("%+v, %v", ev, err)
			}
			for i := range 10 {
				write(t, c, topic, fmt.Sprint(i))
				ev, err := s.next()
				if err != nil || ev.name != "record" || !strings.Contains(ev.data, fmt.Sprintf(`"data":%d}`, i)) {
					t.Fatalf("%+v, %v", ev, err)
				}
				if ev, err = s.next(); err != nil || ev.name != "caught-up" {
					t.Fatalf("%+v, %v", ev, err)
				}
			}
		})
	}
}

// TestEventSourceNeedsOnlyItsURL makes a page follow a topic with an EventSource
// and nothing else, while the server is killed, stopped, and restarted. It is
// never closed for good, and has every record once.
func TestEventSourceNeedsOnlyItsURL(t *testing.T) {
	t.Parallel()
	installed(t, "chromium-headless-shell")
	followed := newBook()
	p := newPage(t, func(path string, body []byte) {
		if path == "/stream" {
			_ = followed.take(body) // the book keeps the error
		} else {
			_ = followed.fail("%s %s", path, body)
		}
	})
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret, "TOPICS_CORS_ORIGINS="+p.URL).ready()
	c := server.keyed()
	if _, err := c.PutTopic(context.Background(), topic, client.Config{}); err != nil {
		t.Fatal(err)
	}
	p.script.Store(known(t, server, topic) + `
const source = new EventSource(server + '/v0/watch?from_seq=0&topic=' + name + '&token=' + key);
source.addEventListener('record', e => report('/stream', JSON.parse(e.data)));
source.addEventListener('tombstone', e => report('/tombstone', e.data));
source.addEventListener('error', e => { if (source.readyState === EventSource.CLOSED) report('/closed', e.data); });
`)
	browse(t, p.URL)
	want := numbers(topic, 60)
	for i, data := range want {
		switch i {
		case 20:
			server.kill()
			server = server.again().ready()
		case 40:
			server.stop()
			server = server.again().ready()
		}
		write(t, c, topic, data)
		if i%20 < 5 { // sometimes one by one, otherwise as fast as possible
			followed.await(t, topic, i+1)
		}
	}
	followed.await(t, topic, len(want))
	followed.holds(t, topic, want)
	if followed.again() > 0 {
		t.Errorf("the page took %d records twice", followed.again())
	}
}
