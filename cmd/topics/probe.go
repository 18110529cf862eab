package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// probeLimit is how long a probe may take in all.
const probeLimit = 2 * time.Second

// probeCmd asks a server whether it is live or ready, for health checks of
// containers that have no other program.
type probeCmd struct {
	What string `arg:"" enum:"live,ready" help:"live: the process works, also while it replays. ready: it serves."`
	URL  string `env:"TOPICS_URL" help:"Address of the server (default: from the server's own settings: TOPICS_HOST, TOPICS_PORT or TOPICS_PORT_FILE, and https with TOPICS_TLS_CERT_FILE)."`
	Key  string `env:"TOPICS_KEY" help:"API key, if TOPICS_PROBE_AUTH is set (default: the first of TOPICS_API_KEYS or TOPICS_API_KEYS_FILE)."`
}

// Help is printed below the flags.
func (probeCmd) Help() string {
	return `Examples:
  topics probe ready
  topics probe live --url "$TOPICS_URL"`
}

// Run prints the answer. Anything but 200 within the limit is an error.
func (c *probeCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	url, err := remote.ProbeAddress(c.URL)
	if err != nil {
		return err
	}
	path := map[string]string{"live": "/live", "ready": "/readyz"}[c.What]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+path, nil)
	if err != nil {
		return err
	}
	key, err := c.key()
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := c.client().Do(req)
	if err != nil {
		return fmt.Errorf("not %s: %w", c.What, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("not %s: %w", c.What, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not %s: %s: %s", c.What, resp.Status, strings.TrimSpace(string(answer)))
	}
	fmt.Println(c.What)
	return nil
}

// client returns the client of one probe. A redirect is an answer like any
// other. The certificate of this machine's own server is not checked: it has the
// name that clients use, which is not the address that is probed.
func (c *probeCmd) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: c.URL == ""},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// key returns the key to send, which is empty if probes need none.
func (c *probeCmd) key() (string, error) {
	if c.Key != "" || c.URL != "" || !isTrue(os.Getenv("TOPICS_PROBE_AUTH")) {
		return c.Key, nil
	}
	if secret := auth.FirstSecret(strings.ReplaceAll(os.Getenv("TOPICS_API_KEYS"), ",", "\n")); secret != "" {
		return secret, nil
	}
	name := os.Getenv("TOPICS_API_KEYS_FILE")
	if name == "" {
		return "", nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", explainAccess(err)
	}
	return auth.FirstSecret(string(content)), nil
}

// isTrue reports whether a variable of the type bool is true.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "1", "t", "true":
		return true
	}
	return false
}
