package remote

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// port returns the port in the settings, or an empty string. PORT is what the
// server goes by, too, if TOPICS_PORT has none.
func port() string {
	port := os.Getenv("TOPICS_PORT")
	if port != "" && !strings.HasPrefix(port, "tcp://") {
		return port
	}
	if given := os.Getenv("PORT"); !strings.Contains(given, "://") {
		return given
	}
	return ""
}

// ProbeAddress returns url, or if it is empty the address of the server with
// these settings on this machine. Unlike Target it reads the port file, for a
// server on any free port, and knows of TLS.
func ProbeAddress(url string) (string, error) {
	if url != "" {
		return withScheme(url), nil
	}
	bound := port()
	if name := os.Getenv("TOPICS_PORT_FILE"); name != "" {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("TOPICS_PORT_FILE: the server does not listen yet: %w", err)
		}
		bound = strings.TrimSpace(string(content))
	}
	host := os.Getenv("TOPICS_HOST")
	bare, _, err := net.SplitHostPort(host)
	if err == nil && os.Getenv("TOPICS_PORT_FILE") != "" {
		host = bare // the port in it may be 0
	}
	t, err := local(host, bound)
	if err == nil && os.Getenv("TOPICS_TLS_CERT_FILE") != "" {
		t.URL = "https" + strings.TrimPrefix(t.URL, "http")
	}
	return t.URL, err
}
