package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// page is a web page of an origin of its own. Its script knows the server's
// address as `server` and the key as `key`. What the script POSTs to a path of
// the page's origin is sent to reports.
type page struct {
	*httptest.Server
	script  atomic.Value // string; stored before the browser starts
	reports func(path string, body []byte)
	api     http.Handler // of the paths of the server, where they are of the page's origin
}

func newPage(t *testing.T, reports func(path string, body []byte)) *page {
	t.Helper()
	p := &page{reports: reports}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.api != nil && strings.HasPrefix(r.URL.Path, "/v0/") {
			p.api.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, "<!doctype html><title>topics</title><link rel=icon href=data:,><script>\n%s</script>\n", p.script.Load())
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil { // the browser was killed in the middle
			return
		}
		p.reports(r.URL.Path, body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(p.Close)
	return p
}

// browse opens a page in a headless Chromium.
func browse(t *testing.T, url string) *process {
	t.Helper()
	cmd := exec.Command(installed(t, "chromium-headless-shell"), "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", url)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := start(t, cmd)
	// It has many processes, and its output ends when all of them have ended.
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended already
		<-p.done
	})
	return p
}

// known returns the beginning of each page's script.
func known(t *testing.T, server *process, events string) string {
	t.Helper()
	b, err := json.Marshal([]string{server.url(), secret, events})
	if err != nil {
		t.Fatal(err)
	}
	return "const [server, key, name] = " + string(b) + ";\n" + `
const socketURL = server.replace('http', 'ws') + '/v0/ws?token=' + encodeURIComponent(key);
let last = Promise.resolve();
function report(path, value) { last = last.then(() => fetch(path, {method: 'POST', body: JSON.stringify(value)})).catch(() => {}); }
`
}

// Scripts that follow a topic: that of docs/proxies.md for EventSource, and a
// WebSocket.
const browserFollows = `
function take(topic, r) { report('/stream', {topic, records: [r], from_seq: r.$seq - 1, to_seq: r.$seq, head_seq: r.$seq}); }
seen[name] = 0;
follow().catch(again);

let cursor = 0;
function connect() {
  const ws = new WebSocket(socketURL);
  ws.onopen = () => ws.send(JSON.stringify({op: 'subscribe', topic: name, from_seq: cursor}));
  ws.onmessage = m => {
    const frame = JSON.parse(m.data);
    if (frame.op === 'record') { cursor = frame.to_seq; report('/socket', frame); }
    if (frame.op === 'error' && frame.code !== 'shutting_down') report('/failed', frame);
  };
  ws.onclose = () => setTimeout(connect, 100);
}
connect();
`

// TestBrowserFollowsOverARestart makes a page of another origin follow a topic
// with EventSource and WebSocket, while the server is killed and restarted.
func TestBrowserFollowsOverARestart(t *testing.T) {
	t.Parallel()
	installed(t, "chromium-headless-shell")
	stream, socket := newBook(), newBook()
	p := newPage(t, func(path string, body []byte) {
		switch path {
		case "/stream":
			_ = stream.take(body) // the book keeps the error
		case "/socket":
			_ = socket.take(body)
		default:
			_ = stream.fail("%s %s", path, body)
		}
	})
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret, "TOPICS_CORS_ORIGINS="+p.URL).ready()
	c := server.keyed()
	if _, err := c.PutTopic(context.Background(), topic, client.Config{}); err != nil {
		t.Fatal(err)
	}
	p.script.Store(known(t, server, topic) + block(t, "proxies.md", "javascript") + browserFollows)
	browse(t, p.URL)
	want := numbers(topic, 60)
	for i, data := range want {
		if i == 20 || i == 40 {
			server.kill()
			server = server.again().ready()
		}
		write(t, c, topic, data)
		if i%20 < 5 { // sometimes one by one, otherwise as fast as possible
			stream.await(t, topic, i+1)
			socket.await(t, topic, i+1)
		}
	}
	stream.await(t, topic, len(want))
	socket.await(t, topic, len(want))
	stream.holds(t, topic, want)
	socket.holds(t, topic, want)
	if stream.again()+socket.again() > 0 {
		t.Errorf("the page took %d and %d records twice", stream.again(), socket.again())
	}
}

// TestBrowserOfAnotherOriginIsRefused uses a page with a key but of an origin
// that is not allowed: the browser does not give it any answer.
func TestBrowserOfAnotherOriginIsRefused(t *testing.T) {
	installed(t, "chromium-headless-shell")
	reports := make(chan string, 16)
	p := newPage(t, func(path string, body []byte) { reports <- path + " " + string(body) })
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS="+secret, "TOPICS_CORS_ORIGINS=http://127.0.0.1:1").ready()
	write(t, server.keyed(), topic, `"private"`)
	var session struct {
		URL string `json:"stream_url"`
	}
	err := call(context.Background(), keyed(), http.MethodPost, server.url()+"/v0/watch",
		map[string]any{"topics": map[string]any{topic: map[string]any{}}}, &session)
	if err != nil {
		t.Fatal(err)
	}
	p.script.Store(known(t, server, topic) + "const stream = " + fmt.Sprintf("%q", server.url()+session.URL) + ";\n" + `
const headers = {'Authorization': 'Bearer ' + key};
fetch(server + '/v0/topics/' + name, {headers}).then(() => report('/fetch', 'let in'), () => report('/fetch', 'refused'));
fetch(server + '/v0/health').then(() => report('/probe', 'let in'), () => report('/probe', 'refused'));
const source = new EventSource(stream + '?token=' + encodeURIComponent(key));
source.addEventListener('record', e => report('/stream', 'let in'));
source.addEventListener('error', e => { source.close(); report('/stream', 'refused'); });
const ws = new WebSocket(socketURL);
ws.onopen = () => report('/socket', 'let in');
ws.onerror = () => report('/socket', 'refused');
`)
	browser := browse(t, p.URL)
	got := map[string]bool{}
	browser.until("everything was tried", func() bool {
		select {
		case r := <-reports:
			got[r] = true
		default:
		}
		return len(got) == 4
	})
	for r := range got {
		if !strings.HasSuffix(r, ` "refused"`) {
			t.Error(r)
		}
	}
}
