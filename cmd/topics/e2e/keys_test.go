package e2e

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// asked sends one request, with a key unless it is empty.
func asked(t *testing.T, method, url, key, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Confirm", "true")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A server with keys may be reachable from everywhere, accepts clients that
// have one, and never reveals any.
func TestKeysOfTheEnvironmentAndAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("# operators\nhush-admin:admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"TOPICS_API_KEYS=hush-all,hush-tenant:rw:tenant7:|shared", "TOPICS_API_KEYS_FILE=" + file,
		"TOPICS_HOST=0.0.0.0", "TOPICS_LOG_LEVEL=trace", "TOPICS_MAX_ROUTERS=1", "TOPICS_MAX_TOTAL_BYTES=1KiB",
	}
	server := serve(t, t.TempDir(), env...).ready()
	var answers strings.Builder
	for _, tt := range []struct {
		key, method, path, body string
		status                  int
	}{
		{"", "GET", "/v0/topics", "", 401},
		{"hush-nobody", "GET", "/v0/topics", "", 401},
		{"", "GET", "/v0/topics?token=hush-all", "", 401},
		{"hush-tenant", "GET", "/v0/topics", "", 200},
		{"hush-tenant", "POST", "/v0/topics/tenant7:a", `{"records":[{"data":1}]}`, 201},
		{"hush-tenant", "POST", "/v0/topics/other", `{"records":[{"data":1}]}`, 403},
		{"hush-tenant", "DELETE", "/v0/topics/tenant7:a", "", 403},
		{"hush-admin", "PUT", "/v0/topics/other", `{}`, 201},
		{"hush-admin", "GET", "/v0/topics/other", "", 403},
		{"hush-admin", "PUT", "/v0/routers/one", `{"source":"other","dest":"more"}`, 201},
		{"hush-admin", "PUT", "/v0/routers/two", `{"source":"other","dest":"less"}`, 429},
		{"hush-all", "POST", "/v0/topics/other", `{"records":[{"data":"` + strings.Repeat("x", 1100) + `"}]}`, 429},
		{"hush-admin", "POST", "/v0/admin/checkpoint", "", 200},
		{"", "GET", "/actuator/info", "", 200},
		{"hush-all", "GET", "/actuator/info", "", 200},
		{"", "GET", "/metrics", "", 401},
		{"hush-all", "GET", "/metrics", "", 200},
		{"hush-all", "GET", "/v0/recovery", "", 200},
		{"", "GET", "/v0/watch/wid_none?token=hush-all", "", 404},
		{"", "GET", "/v0/watch/wid_none?token=hush-wrong", "", 401},
		{"", "GET", "/v0/ws?token=hush-all", "", 400},
		{"", "GET", "/v0/ws?token=hush-wrong", "", 401},
		{"", "GET", "/nowhere?token=hush-all", "", 401},
	} {
		status, answer := asked(t, tt.method, server.url()+tt.path, tt.key, tt.body)
		if status != tt.status {
			t.Errorf("%s %s with %q: %d %s, want %d", tt.method, tt.path, tt.key, status, answer, tt.status)
		}
		answers.WriteString(answer)
	}
	if _, list := asked(t, "GET", server.url()+"/v0/topics", "hush-tenant", ""); !strings.Contains(list, "tenant7:a") || strings.Contains(list, "other") {
		t.Errorf("the tenant sees %s", list)
	}
	for key, want := range map[string]int{"hush-admin": 0, "hush-tenant": 1, "": 1} {
		tool := command(t, []string{"TOPICS_KEY=" + key}, "backup", "--url", server.url(), "--to", filepath.Join(t.TempDir(), "copy"))
		if code := tool.exit(); code != want {
			t.Errorf("a backup with %q: exit code %d, %s", key, code, tool.stderr.String())
		}
	}
	server.stop()
	shown := command(t, env, "config")
	if code := shown.exit(); code != 0 {
		t.Errorf("config: exit code %d", code)
	}
	for what, text := range map[string]string{
		"log": server.stderr.String() + server.stdout.String(), "answers": answers.String(),
		"configuration": shown.stdout.String() + shown.stderr.String(),
	} {
		if strings.Contains(text, "hush") {
			t.Errorf("the %s have a key:\n%s", what, text)
		}
	}
	if strings.Contains(answers.String(), "TOPICS_API_KEYS\"") || !strings.Contains(answers.String(), "TOPICS_API_KEYS_FILE") {
		t.Error("/actuator/info is to show the file's name and leave out the keys")
	}
	audit := regexp.MustCompile(`"key":"[0-9a-f]{12}","remote":"127\.0\.0\.1:[0-9]+","route":"POST /v0/admin/checkpoint"`)
	if log := server.stderr.String(); !audit.MatchString(log) || strings.Contains(log, "no API keys") {
		t.Errorf("the log is to have the audit line and no warning:\n%s", log)
	}
}

func TestNoKeysIsSaid(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	server.stop()
	said := regexp.MustCompile(`no API keys: anyone who can reach 127\.0\.0\.1:[0-9]+ may read, write and delete`)
	if !said.MatchString(server.stderr.String()) {
		t.Errorf("the log says nothing of it:\n%s", server.stderr.String())
	}
}

func TestBadKeysRefuseToStart(t *testing.T) {
	p := command(t, []string{"TOPICS_API_KEYS=hush-one,hush-two:all", "TOPICS_DATA_DIR=" + t.TempDir()}, "serve")
	if code := p.exit(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	said := p.stdout.String() + p.stderr.String()
	if !strings.Contains(said, "TOPICS_API_KEYS: entry 2 has a scope, number 1") || strings.Contains(said, "hush") {
		t.Errorf("it says %s", said)
	}
}

// Metrics and admin routes are on the operators' listener only, and all else is
// on both; both answer during the drain.
func TestOperatorsListener(t *testing.T) {
	server := serve(t, t.TempDir(), "TOPICS_OPS_ADDR=127.0.0.1:0", "TOPICS_DRAIN_DELAY_MS=600000", "TOPICS_DRAIN_TIMEOUT_MS=3600000",
		"TOPICS_LOG_FORMAT=json").ready()
	main, ops := server.url(), server.opsURL()
	both := func(method, path string, onMain, onOps int) {
		t.Helper()
		for url, want := range map[string]int{main: onMain, ops: onOps} {
			if status, answer := asked(t, method, url+path, "", ""); status != want {
				t.Errorf("%s %s%s: %d %.200s, want %d", method, url, path, status, answer, want)
			}
		}
	}
	both("GET", "/v0/ready", 200, 200)
	both("GET", "/metrics", 404, 200)
	both("GET", "/v0/metrics", 404, 200)
	both("GET", "/v0/admin/stats", 404, 200)
	both("POST", "/v0/admin/checkpoint", 404, 200)
	both("GET", "/v0/recovery", 200, 200)
	both("GET", "/v0/whoami", 200, 200)
	both("GET", "/v0/admin/history", 404, 200)
	if status, answer := asked(t, "POST", ops+"/v0/topics/orders", "", `{"records":[{"data":1}]}`); status != 201 {
		t.Errorf("a write on the operators' listener: %d %s", status, answer)
	}
	both("GET", "/v0/topics/orders/diff", 200, 200)

	server.signal(syscall.SIGTERM)
	server.until("it drains", func() bool {
		status, _ := asked(t, "GET", ops+"/v0/ready", "", "")
		return status == 503
	})
	both("GET", "/v0/ready", 503, 503)
	both("GET", "/healthz", 200, 200)
	both("GET", "/metrics", 404, 200)
	both("GET", "/v0/topics/orders", 200, 200)
	server.signal(syscall.SIGTERM) // skips the rest of the delay
	server.exit()
}
