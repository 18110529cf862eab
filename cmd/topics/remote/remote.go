// Package remote has the flags with which commands connect to a server.
package remote

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// Flags are the flags of every command that connects to a server. Without --url
// the address comes from the server's settings, so that it is right in a shell
// in which a server was started. The variable of the key is not one of the
// server's, which hold all keys, and has another prefix because the server
// refuses unknown TOPICS_* names.
type Flags struct {
	URL  string        `help:"Address of the server (default: from TOPICS_HOST and TOPICS_PORT, or else http://127.0.0.1:4000)."`
	Key  string        `env:"TOPIC_KEY" help:"API key. Setting the variable keeps it out of the process list."`
	Wait time.Duration `default:"60s" help:"How long to wait for a server that does not answer or is not ready."`
}

// Client returns a client of the server. It calls retrying, if not nil, with
// each failure that will be retried.
func (f *Flags) Client(retrying func(error)) (*client.Client, error) {
	url, err := Address(f.URL)
	if err != nil {
		return nil, err
	}
	return client.New(url, client.Options{Key: f.Key, RetryFor: f.Wait, Retrying: retrying})
}

// Address returns url, or the server's address from the settings if url is
// empty.
func Address(url string) (string, error) {
	if url != "" {
		return url, nil
	}
	return address(os.Getenv("TOPICS_HOST"), os.Getenv("TOPICS_PORT"))
}

// OperatorAddress returns the address of the server's admin routes.
func OperatorAddress(url string) (string, error) {
	if ops := os.Getenv("TOPICS_OPS_ADDR"); url == "" && ops != "" {
		return address(ops, "")
	}
	return Address(url)
}

// address returns the address of a server with these settings as seen from its
// own machine.
func address(host, port string) (string, error) {
	if strings.HasPrefix(port, "tcp://") {
		port = "" // set by Kubernetes for a Service; the server ignores it too
	}
	if bare, inHost, err := net.SplitHostPort(host); err == nil {
		host, port = bare, inHost
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if port == "" {
		port = "4000"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("TOPICS_HOST and TOPICS_PORT have no port to connect to: use --url")
	}
	// For a listener on all addresses of this machine, any of them works.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
