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
					return fmt.Errorf("%q is no host name: give it without scheme, port, path or wildcard", name)
				default:
					*dst = append(*dst, name)
				}
			}
			return nil
		},
		print: func() string { return strings.Join(*dst, ",") },
	}
}

// Names are the names that the server is called by beside localhost and its
// addresses: that of TOPICS_HOST, and the allowed ones.
func (c *Config) Names() []string {
	return append([]string{strings.ToLower(c.Host)}, c.AllowedHosts...)
}
