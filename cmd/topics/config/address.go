package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// splitHost splits TOPICS_HOST, which is "host", "host:port", "::1", "[::1]" or
// "[::1]:port". The port is -1 if there is none.
func splitHost(s string) (host string, port int, err error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if _, err := netip.ParseAddr(bare); err == nil {
		return bare, -1, nil
	}
	if !strings.Contains(s, ":") {
		return s, -1, nil
	}
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("%q is neither a host nor host:port", s)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q: port %q is not a number from 0 to 65535", s, text)
	}
	return host, int(n), nil
}

// isLoopback reports whether host can only be reached from this machine. It
// returns false for names other than localhost, whatever they resolve to at
// present, and for the empty host, which stands for every address.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
