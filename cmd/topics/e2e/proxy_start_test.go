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
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/openapi/conform"
)

// front is a program for which docs/deploy has a configuration.
type front struct {
	config  string // the file
	listen  string // what in it says where to listen; SOCKET in on is the name of a socket file
	on      string
	command func(t *testing.T, dir, config string) *exec.Cmd
	gates   bool // answers for servers that are not ready
}

var fronts = map[string]front{
	"nginx pool": {config: "nginx/topics.conf", listen: "listen 80;", on: "listen unix:SOCKET;", command: nginxMaster},
	"nginx":      {config: "nginx/topics.conf", listen: "listen 80;", on: "listen unix:SOCKET;", command: nginx},
	"haproxy": {config: "haproxy/haproxy.cfg", listen: "bind :80", on: "bind unix@SOCKET", gates: true,
		command: func(t *testing.T, dir, config string) *exec.Cmd {
			return exec.Command(installed(t, "haproxy"), "-db", "-f", written(t, dir, "haproxy.cfg", config))
		}},
	"caddy": {config: "caddy/Caddyfile", listen: "topics.example.com {", on: "http:// {\n\tbind unix/SOCKET", gates: true,
		command: func(t *testing.T, dir, config string) *exec.Cmd {
			// No port for its administration, and the log of requests on standard error.
			whole := "{\n\tadmin off\n\tauto_https off\n}\n" + config
			cmd := exec.Command(installed(t, "caddy"), "run", "--adapter", "caddyfile", "--config", written(t, dir, "Caddyfile", whole))
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			return cmd
		}},
}

// nginx is one process of the current user, with no files outside of dir.
func nginx(t *testing.T, dir, config string) *exec.Cmd {
	t.Helper()
	return exec.Command(installed(t, "nginx"), "-p", dir, "-c", written(t, dir, "nginx.conf", "master_process off;\n"+aroundNginx(t, config)), "-e", "stderr")
}

// nginxMaster is nginx with processes for its work, which a reload replaces.
func nginxMaster(t *testing.T, dir, config string) *exec.Cmd {
	t.Helper()
	whole := aroundNginx(t, config)
	if os.Getuid() == 0 { // else its processes may not use the files of this user
		whole = "user root;\n" + whole
	}
	cmd := exec.Command(installed(t, "nginx"), "-p", dir, "-c", written(t, dir, "nginx.conf", whole), "-e", "stderr")
	cmd.WaitDelay = time.Second // its processes have its output, too
	return cmd
}

// aroundNginx returns nginx.conf with the configuration in it.
func aroundNginx(t *testing.T, config string) string {
	t.Helper()
	return "daemon off;\npid nginx.pid;\nerror_log stderr notice;\nevents {}\nhttp {\n" +
		"client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n" +
		replaced(t, config, "/var/log/nginx/topics.log", "/dev/stdout") + "}\n"
}

// proxy is a proxy in front of a server.
type proxy struct {
	*process
	socket string       // the file that it listens on
	http   *http.Client // it connects to the proxy, whatever the host in the URL
}

// proxied starts a proxy in front of the server at addr, with the configuration
// in docs/deploy. It listens on a socket file, so that no port must be chosen.
func proxied(t *testing.T, name, addr string) *proxy {
	t.Helper()
	return proxiedWith(t, name, replaced(t, deployed(t, fronts[name].config), "10.0.0.1:4000", addr))
}

// proxiedWith starts a proxy with a configuration.
func proxiedWith(t *testing.T, name, config string) *proxy {
	t.Helper()
	// Names of socket files must be short, but those of temporary directories are
	// long.
	dir, err := os.MkdirTemp("", "proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "socket")
	program := fronts[name]
	config = replaced(t, config, program.listen, strings.ReplaceAll(program.on, "SOCKET", file))
	transport := &http.Transport{
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", file)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	own := func(a *conform.Answer) bool { return ofProxy(config, a) }
	p := &proxy{process: start(t, program.command(t, dir, config)), socket: file, http: described(transport, own)}
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
		return a.Header.Get("Content-Type") == "text/html" || a.Header.Get("Server") == "Caddy" && len(a.Body) == 0
	case http.StatusServiceUnavailable:
		return len(a.Body) > 0 && strings.Contains(config, string(a.Body))
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

// deployed returns a file of docs/deploy.
func deployed(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "deploy", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
