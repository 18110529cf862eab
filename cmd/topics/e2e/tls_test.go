package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/client"
)

// certify writes a self-signed certificate for 127.0.0.1 and its key, and
// returns the certificate.
func certify(t *testing.T, certFile, keyFile, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// trusting returns a transport that trusts one certificate.
func trusting(cert *x509.Certificate, http2 bool) *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!http2)
	tr.Protocols.SetHTTP2(http2)
	return tr
}

// With a certificate the server uses TLS on both listeners, with HTTP/1.1,
// HTTP/2 and WebSockets, and loads a new certificate on SIGHUP.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := certify(t, certFile, keyFile, "first")
	server := serve(t, t.TempDir(), "TOPICS_TLS_CERT_FILE="+certFile, "TOPICS_TLS_KEY_FILE="+keyFile,
		"TOPICS_OPS_ADDR=127.0.0.1:0", "TOPICS_LOG_FORMAT=json")
	url := "https://" + server.addr()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, http2 := range []bool{false, true} {
		hc := described(trusting(first, http2), nil)
		c := connect(t, url, client.Options{HTTP: hc})
		if err := c.WaitReady(ctx, nil); err != nil {
			t.Fatal(err)
		}
		write(t, c, topic, `1`)
		for _, base := range []string{url, strings.Replace(server.opsURL(), "http:", "https:", 1)} {
			resp, err := hc.Get(base + "/v0/ready")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if want := map[bool]int{false: 1, true: 2}[http2]; resp.ProtoMajor != want || resp.StatusCode != 200 {
				t.Errorf("%s answers %s %s", base, resp.Proto, resp.Status)
			}
		}
	}
	conn, _, err := websocket.Dial(ctx, "wss://"+server.addr()+"/v0/ws", &websocket.DialOptions{HTTPClient: described(trusting(first, false), nil)})
	if err != nil {
		t.Fatalf("wss: %v", err)
	}
	_ = conn.CloseNow() // it was opened, which is sufficient

	second := certify(t, certFile, keyFile, "second")
	reloaded := func() {
		t.Helper()
		before := strings.Count(server.stderr.String(), `"of":"certificate"`)
		server.signal(syscall.SIGHUP)
		server.until("it has reloaded", func() bool { return strings.Count(server.stderr.String(), `"of":"certificate"`) > before })
	}
	presents := func(cert *x509.Certificate) {
		t.Helper()
		c := connect(t, url, client.Options{HTTP: described(trusting(cert, false), nil)})
		if _, err := c.Ready(ctx); err != nil {
			t.Errorf("with the certificate %s: %v", cert.Subject.CommonName, err)
		}
	}
	reloaded()
	presents(second)
	if err := os.WriteFile(certFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	reloaded()
	presents(second)
	server.stop()
}

// A certificate that cannot be read is an invalid configuration.
func TestTLSRefused(t *testing.T) {
	for _, env := range [][]string{
		{"TOPICS_TLS_CERT_FILE=/nowhere/cert.pem"},
		{"TOPICS_TLS_CERT_FILE=/nowhere/cert.pem", "TOPICS_TLS_KEY_FILE=/nowhere/key.pem"},
	} {
		p := command(t, append(env, "TOPICS_DATA_DIR="+t.TempDir(), "TOPICS_PORT=0"))
		if code := p.exit(); code != 2 || !strings.Contains(p.stderr.String(), "/nowhere/cert.pem") && !strings.Contains(p.stderr.String(), "TOPICS_TLS_KEY_FILE") {
			t.Errorf("%v: exit %d, %s", env, code, p.stderr.String())
		}
	}
}
