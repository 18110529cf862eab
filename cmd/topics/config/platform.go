package config

import "strings"

// platformPort is the variable in which Cloud Run and its like give the port
// that a container has to listen on.
const platformPort = "PORT"

// usePlatformPort takes the port from PORT if TOPICS_PORT does not name one. A
// PORT in the form of a Kubernetes service link belongs to something else.
func (c *Config) usePlatformPort(environ []string) Problems {
	if c.given[prefix+"PORT"] {
		return nil
	}
	for _, entry := range environ {
		text, ok := strings.CutPrefix(entry, platformPort+"=")
		if !ok || text == "" || linkURL.MatchString(text) {
			continue
		}
		if err := integer(&c.Port, 0, 65535).parse(text); err != nil {
			return each(platformPort, err)
		}
		c.portOf = platformPort
	}
	return nil
}
