package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Target is the server that flags and variables name.
type Target struct {
	URL  string
	Key  string // may be empty
	From string // the variable or context that named the server; empty for a flag or the default
}

// Target returns the server of the flags. The first of these counts: --url,
// --context, TOPICS_URL, TOPICS_CONTEXT, the context in use, TOPICS_HOST and
// TOPICS_PORT, with which a server on this machine was started, and port 4000 of
// this machine. A context's key is sent to the context's server only; --key
// precedes it, and TOPICS_KEY is for the others.
func (f *Flags) Target() (Target, error) {
	return f.target(func() (Target, error) { return local(os.Getenv("TOPICS_HOST"), port()) })
}

// OperatorTarget is as Target, of the server's admin routes.
func (f *Flags) OperatorTarget() (Target, error) {
	if ops := os.Getenv("TOPICS_OPS_ADDR"); ops != "" {
		return f.target(func() (Target, error) { return local(ops, "") })
	}
	return f.Target()
}

func (f *Flags) target(fallback func() (Target, error)) (Target, error) {
	t, err := f.named(fallback)
	if err != nil {
		return t, err
	}
	if f.Key != "" {
		t.Key = f.Key
	}
	t.URL = withScheme(t.URL)
	return t, nil
}

// withScheme returns an address as a URL; one without a scheme is http.
func withScheme(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "http://" + address
}

// named returns the server without regard to --key.
func (f *Flags) named(fallback func() (Target, error)) (Target, error) {
	key := os.Getenv("TOPICS_KEY")
	if key == "" {
		key = os.Getenv("TOPIC_KEY") // its former name
	}
	chosen, from := f.Context, ""
	if f.URL == "" && chosen == "" {
		if url := os.Getenv("TOPICS_URL"); url != "" {
			return Target{URL: url, Key: key, From: "TOPICS_URL"}, nil
		}
		chosen, from = os.Getenv("TOPICS_CONTEXT"), "TOPICS_CONTEXT"
	}
	if f.URL != "" {
		if chosen != "" {
			return Target{}, errors.New("--url and --context both name a server: leave one out")
		}
		return Target{URL: f.URL, Key: key}, nil
	}
	contexts, err := Load()
	if err != nil {
		return Target{}, err
	}
	if chosen == "" {
		chosen, from = contexts.Current, "topics context"
	}
	if chosen == "" {
		t, err := fallback()
		t.Key = key
		return t, err
	}
	c, err := contexts.named(chosen)
	if err != nil {
		return Target{}, err
	}
	t := Target{URL: c.URL, Key: c.Key, From: "the context " + chosen}
	if from != "" && from != "topics context" {
		t.From += " (" + from + ")"
	}
	if t.Key == "" {
		t.Key = key
	}
	return t, nil
}

// local returns a server with these settings, as seen from its own machine.
func local(host, port string) (Target, error) {
	t := Target{}
	if host != "" || port != "" {
		t.From = "TOPICS_HOST and TOPICS_PORT"
	}
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
		return t, fmt.Errorf("TOPICS_HOST and TOPICS_PORT have no port to connect to: use --url")
	}
	// For a listener on all addresses of this machine, any of them works.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	t.URL = "http://" + net.JoinHostPort(host, port)
	return t, nil
}
