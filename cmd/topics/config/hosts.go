package config

import (
	"fmt"
	"strings"
)

// hosts is a list of host names without ports, in lower case.
func hosts(dst *[]string) kind {
	return kind{
		Type:  "list",
		Range: "names separated by commas",
		parse: func(s string) error {
			*dst = nil
			for name := range strings.SplitSeq(s, ",") {
				name = strings.ToLower(strings.TrimSpace(name))
				switch {
				case name == "":
				case strings.ContainsAny(name, "/:*?# "):
					return fmt.Errorf("%q is not a host name: write it without scheme, port, path or wildcard", name)
				default:
					*dst = append(*dst, name)
				}
			}
			return nil
		},
		print: func() string { return strings.Join(*dst, ",") },
	}
}

// Names returns the names by which clients may address the server, besides
// localhost and IP addresses: that of TOPICS_HOST, and the allowed hosts.
func (c *Config) Names() []string {
	return append([]string{strings.ToLower(c.Host)}, c.AllowedHosts...)
}
