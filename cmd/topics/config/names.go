package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/spelling"
)

// clientNames are the variables of the commands that connect to a server. They
// may be set where a server starts.
var clientNames = []string{prefix + "URL", prefix + "KEY", prefix + "CONTEXT"}

// serviceLink matches the variables that Kubernetes adds to every pod next to a
// Service called "topics" or "topics-something": its address, and a set of
// names for each port.
var serviceLink = regexp.MustCompile(
	`^TOPICS_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// linkURL matches the value of TOPICS_PORT (or TOPICS_SOMETHING_PORT) in that
// case.
var linkURL = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// isServiceLink reports whether a variable comes from Kubernetes rather than
// from an operator.
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && linkURL.MatchString(value)
}

// unknown returns the problem of a name that is not declared.
func unknown(name string, known map[string]Variable) string {
	nearest, ok := spelling.Nearest(name, append(slices.Collect(maps.Keys(known)), clientNames...))
	if !ok {
		return name + ": unknown variable; `topics config` lists all of them"
	}
	return fmt.Sprintf("%s: unknown variable; did you mean %s?", name, nearest)
}
