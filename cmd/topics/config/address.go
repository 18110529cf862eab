package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// splitHost takes TOPICS_HOST apart: "host", "host:port", "::1", "[::1]" or
// "[::1]:port". The port is -1 when there is none.
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

// isLoopback reports whether only this machine can reach host. A name other
// than localhost is taken as reachable, whatever it resolves to today; so is
// the empty host, which means every address.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
