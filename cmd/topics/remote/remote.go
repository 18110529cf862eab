// Package remote is how the commands that talk to a server are told which.
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

// Flags are those of every such command. The address comes from the settings of
// the server when there is no flag, so that a shell in which one was started
// finds it. The key has a variable that is not one of the server's: these hold
// all keys, and the server refuses names it does not know.
type Flags struct {
	URL  string        `help:"Address of the server (default: that of TOPICS_HOST and TOPICS_PORT, else http://127.0.0.1:4000)."`
	Key  string        `env:"TOPIC_KEY" help:"API key. The variable keeps it out of the list of processes."`
	Wait time.Duration `default:"60s" help:"How long to wait for a server that does not answer or is not ready."`
}

// Client makes a client of the server. retrying, when not nil, is told of each
// failure that is waited out.
func (f *Flags) Client(retrying func(error)) (*client.Client, error) {
	url, err := Address(f.URL)
	if err != nil {
		return nil, err
	}
	return client.New(url, client.Options{Key: f.Key, RetryFor: f.Wait, Retrying: retrying})
}

// Address is that of the server: url, or without one what the settings say.
func Address(url string) (string, error) {
	if url != "" {
		return url, nil
	}
	return address(os.Getenv("TOPICS_HOST"), os.Getenv("TOPICS_PORT"))
}

// OperatorAddress is where the server has its admin routes.
func OperatorAddress(url string) (string, error) {
	if ops := os.Getenv("TOPICS_OPS_ADDR"); url == "" && ops != "" {
		return address(ops, "")
	}
	return Address(url)
}

// address is where a server with these settings listens, seen from its own
// machine.
func address(host, port string) (string, error) {
	if strings.HasPrefix(port, "tcp://") {
		port = "" // of a Kubernetes service; the server ignores it too
	}
	if bare, inHost, err := net.SplitHostPort(host); err == nil {
		host, port = bare, inHost
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if port == "" {
		port = "4000"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("the settings name no port to connect to: use --url")
	}
	// All addresses of this machine: any of them will do.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
