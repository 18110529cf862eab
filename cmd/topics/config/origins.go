package config

import (
	"fmt"
	"net/url"
	"strings"
)

// origins is a comma-separated list of the origins of web pages, or *.
func origins(dst *[]string) kind {
	return kind{
		Type:  "origins",
		Range: "scheme://host[:port], ...; or *",
		parse: func(s string) error {
			*dst = nil
			if s == "" {
				return nil
			}
			for entry := range strings.SplitSeq(s, ",") {
				o, err := parseOrigin(strings.TrimSpace(entry))
				if err != nil {
					return err
				}
				*dst = append(*dst, o)
			}
			if len(*dst) > 1 && strings.Contains(s, "*") {
				return fmt.Errorf("%q: * must be the only entry, because it allows all origins", s)
			}
			return nil
		},
		print: func() string { return strings.Join(*dst, ",") },
	}
}

// parseOrigin returns an origin in the form that browsers send: in lower case,
// and without a port that is the default of its scheme.
func parseOrigin(s string) (string, error) {
	if s == "*" {
		return s, nil
	}
	u, err := url.Parse(strings.ToLower(s))
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.Scheme+"://"+u.Host != strings.ToLower(s) ||
		strings.Contains(u.Host, "*") {
		return "", fmt.Errorf("%q is not an origin such as https://example.com, nor *", s)
	}
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		return u.Scheme + "://" + strings.TrimSuffix(u.Host, ":"+u.Port()), nil
	}
	return u.Scheme + "://" + u.Host, nil
}
