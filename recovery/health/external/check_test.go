package external

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
)

// check runs the check of a declaration once. It has a minute unless the
// declaration says otherwise: none of these tests is about a busy machine.
func check(t *testing.T, text string) health.Condition {
	t.Helper()
	if !strings.Contains(text, ";") {
		text += ";interval=1m,timeout=1m"
	}
	specs, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return specs[0].Custom().Check()
}

func TestHTTP(t *testing.T) {
	var elsewhere atomic.Int64
	stalled := make(chan struct{})
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") != "topics-health-check" || r.Header.Get("Accept-Encoding") != "" || !r.Close {
			t.Errorf("%v", r.Header)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/stalls", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-stalled
	})
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) { <-stalled })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	endless := make(chan struct{})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		defer close(endless)
		for {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(stalled)
	for path, want := range map[string]string{
		"/ok":      "",
		"/bad":     "status 502",
		"/missing": "status 404",
		"/moved":   "status 302; redirects are not followed",
		"/stalls":  "no answer within 100ms",
		"/silent":  "no answer within 100ms",
		"/cut":     "the answer breaks off: unexpected EOF",
		"/endless": "",
		"/header":  "the answer is not valid HTTP",
	} {
		options := ""
		if path == "/stalls" || path == "/silent" {
			options = ";timeout=100"
		}
		c := check(t, "a="+server.URL+path+options)
		if (c.Status == health.Healthy) != (want == "") || !strings.HasPrefix(c.Reason, want) || strings.Contains(c.Reason, "127.0.0.1") {
			t.Errorf("%s: %+v, want %q", path, c, want)
		}
	}
	<-endless // the check has hung up
	if elsewhere.Load() != 0 {
		t.Error("it went on to where it was sent")
	}
}

// A reason names neither an address nor a path.
func TestTCPAndFiles(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if c := check(t, "a=tcp://"+addr); c.Status != health.Healthy {
		t.Errorf("%+v", c)
	}
	l.Close()
	for _, text := range []string{"a=tcp://" + addr, "a=http://" + addr} {
		if c := check(t, text); c != (health.Condition{Status: health.Unhealthy, Reason: "connection refused"}) {
			t.Errorf("%+v", c)
		}
	}
	file := filepath.Join(t.TempDir(), "ok")
	if c := check(t, "a=file:"+file); c != (health.Condition{Status: health.Unhealthy, Reason: "no such file or directory"}) {
		t.Errorf("%+v", c)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := check(t, "a=file:"+file); c.Status != health.Healthy {
		t.Errorf("%+v", c)
	}
}

func TestCustomHasWhatWasDeclared(t *testing.T) {
	specs, err := Parse("a=tcp://h:1;interval=5s,timeout=1s,affects=readiness")
	if err != nil {
		t.Fatal(err)
	}
	c := specs[0].Custom()
	if c.Name != "a" || c.Interval != 5*time.Second || c.Timeout != time.Second || c.Affects != health.AffectsReadiness {
		t.Errorf("%+v", c)
	}
}

// TestSwitchedProtocols: a target that answers with another protocol and then says
// nothing does not hold the check, whose time does not end such a connection.
func TestSwitchedProtocols(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
		_, _ = io.Copy(io.Discard, conn) // until the check hangs up
	}()
	found := make(chan health.Condition, 1)
	go func() { found <- check(t, "a=http://"+l.Addr().String()) }()
	select {
	case c := <-found:
		if c != (health.Condition{Status: health.Unhealthy, Reason: "status 101"}) {
			t.Errorf("%+v", c)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the check hangs")
	}
}

// TestReasonsSayNothingOfTheAnswer: probes are for everybody to read, and what a
// target sends is not.
func TestReasonsSayNothingOfTheAnswer(t *testing.T) {
	secret := strings.Repeat("secret", 1000)
	for _, answer := range []string{
		secret + "\r\n",
		"HTTP/1.1 " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, answer)
		}()
		c := check(t, "a=http://"+l.Addr().String())
		l.Close()
		if c != (health.Condition{Status: health.Unhealthy, Reason: "the answer is not valid HTTP"}) {
			t.Errorf("%.40q: %.200q", answer, c.Reason)
		}
	}
	other := &url.Error{Err: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"secret"}}, Host: "host"}}
	if got := cause(other); got != "the certificate is for other names" {
		t.Errorf("%q", got)
	}
}
