package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
)

// checkHost refuses a call that was sent to another name than the server's.
// Where there are no keys, being able to connect is all the right that is
// needed. A page in a browser on this machine could get it by having its own
// name resolve to a loopback address; its calls then carry that name as Host.
// An address cannot be bent like that, nor can localhost. Probes and the console's
// files are exempt.
func (s *Server) checkHost(c *call.Call) error {
	if s.bounds.Keys().Len() > 0 || c.Route.Kind == call.Page || c.Route.Kind == call.Probe && c.Route.Scope == auth.None {
		return nil
	}
	name := hostName(c.Request.Host)
	if slices.Contains(s.opts.Hosts, name) || ownName(name) {
		return nil
	}
	return &wire.Error{
		Status: http.StatusMisdirectedRequest, Code: "misdirected_request",
		Message: fmt.Sprintf("this server is not called %.100q: use an address or localhost, name it in TOPICS_ALLOWED_HOSTS, or set TOPICS_API_KEYS", name),
	}
}

// hostName is a Host header without port, brackets and the dot of a full name,
// in lower case.
func hostName(host string) string {
	// What has one colon, or ends a bracket before its last one, has a port.
	if i := strings.LastIndexByte(host, ':'); i > 0 && (host[i-1] == ']' || strings.IndexByte(host, ':') == i) {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// ownName reports whether no name server decides where a name leads. HTTP/1.0
// has none.
func ownName(name string) bool {
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}
