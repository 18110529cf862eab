package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/openapi/conform"
)

// proxies are the programs for which docs/proxies.md has configurations.
var proxies = map[string]func(t *testing.T, dir, config string) *exec.Cmd{
	"nginx": func(t *testing.T, dir, config string) *exec.Cmd {
		// The parts of nginx.conf around that of the page: one process of the current
		// user, with no files outside of dir.
		whole := "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr notice;\nevents {}\nhttp {\n" +
			"client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n" +
			replaced(t, config, "/var/log/nginx/topics.log", "/dev/stdout") + "}\n"
		return exec.Command(installed(t, "nginx"), "-p", dir, "-c", written(t, dir, "nginx.conf", whole), "-e", "stderr")
	},
	"haproxy": func(t *testing.T, dir, config string) *exec.Cmd {
		return exec.Command(installed(t, "haproxy"), "-db", "-f", written(t, dir, "haproxy.cfg", config))
	},
}

// proxy is a proxy in front of a server.
type proxy struct {
	*process
	http *http.Client // it connects to the proxy, whatever the host in the URL
}

// proxied starts a proxy in front of the server at addr, with the configuration
// in docs/proxies.md. It listens on a socket file, so that no port must be
// chosen.
func proxied(t *testing.T, name, addr string) *proxy {
	t.Helper()
	// Names of socket files must be short, but those of temporary directories are
	// long.
	dir, err := os.MkdirTemp("", "proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "socket")
	config := block(t, "proxies.md", name)
	config = replaced(t, config, "10.0.0.1:4000", addr)
	config = replaced(t, config, map[string]string{"nginx": "listen 80;", "haproxy": "bind :80"}[name],
		map[string]string{"nginx": "listen unix:" + file + ";", "haproxy": "bind unix@" + file}[name])
	transport := &http.Transport{
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", file)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	own := func(a *conform.Answer) bool { return ofProxy(config, a) }
	p := &proxy{process: start(t, proxies[name](t, dir, config)), http: described(transport, own)}
	p.until("it listens", func() bool {
		conn, err := net.Dial("unix", file)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

// fronted starts a server and a proxy in front of it, and waits until both are
// ready.
func fronted(t *testing.T, name string, env ...string) (*process, *proxy) {
	t.Helper()
	server := serve(t, t.TempDir(), append(env, publicName)...).ready()
	return server, proxied(t, name, server.addr()).ready()
}

// ofProxy reports whether an answer comes from the proxy itself, which it sends
// while there is no server, or, depending on its configuration, none that is
// ready.
func ofProxy(config string, a *conform.Answer) bool {
	switch a.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return a.Header.Get("Content-Type") == "text/html"
	case http.StatusServiceUnavailable:
		return strings.Contains(config, " string '"+string(a.Body)+"'\n")
	}
	return false
}

// base is the address for requests to a proxy. The proxy passes the name on, so
// a server without keys must accept it.
const (
	base       = "http://topics.test"
	publicName = "TOPICS_ALLOWED_HOSTS=topics.test"
)

// client returns a client that connects through the proxy and retries what is
// safe.
func (p *proxy) client() *client.Client {
	p.t.Helper()
	return connect(p.t, base, client.Options{HTTP: p.http, RetryFor: patience})
}

// follow creates the topic and follows it through the proxy.
func (p *proxy) follow() *pair {
	p.t.Helper()
	if _, err := p.client().PutTopic(context.Background(), topic, client.Config{}); err != nil {
		p.t.Fatal(err)
	}
	return follow(p.t, p.http, base, topic)
}

// ready waits until requests reach a server that is ready.
func (p *proxy) ready() *proxy {
	p.t.Helper()
	p.until("it sends requests to the server", func() bool { return p.status("/v0/topics") == http.StatusOK })
	return p
}

// status returns the status of a GET through the proxy, or 0 if there is no
// answer.
func (p *proxy) status(path string) int {
	resp, err := p.http.Get(base + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// installed finds a program. If it is missing, the test is skipped, except in
// CI.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not installed: .ci/run does that", name)
	default:
		t.Skipf("there is no %s", name)
	}
	return path
}

// block returns the code block of a language on a page of docs.
func block(t *testing.T, page, language string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, code, begins := strings.Cut(string(b), "\n```"+language+"\n")
	code, _, ends := strings.Cut(code, "\n```\n")
	if !begins || !ends {
		t.Fatalf("%s has no %s", page, language)
	}
	return code + "\n"
}

// replaced replaces a string, which must occur.
func replaced(t *testing.T, s, what, by string) string {
	t.Helper()
	if !strings.Contains(s, what) {
		t.Fatalf("there is no %q in:\n%s", what, s)
	}
	return strings.ReplaceAll(s, what, by)
}

func written(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
