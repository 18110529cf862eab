package config

import "testing"

// PORT is the port where TOPICS_PORT has none, as on Cloud Run.
func TestPlatformPort(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		port int
	}{
		{[]string{"PORT=8080"}, 8080},
		{[]string{"PORT=8080", "TOPICS_PORT=5000"}, 5000},
		{[]string{"TOPICS_PORT=tcp://10.0.0.1:4000", "PORT=8080"}, 8080},
		{[]string{"PORT=8080", "TOPICS_HOST=localhost:5000"}, 5000},
		{[]string{"PORT=tcp://10.0.0.1:80"}, 4000},
		{[]string{"PORT="}, 4000},
	} {
		c, err := Load(tt.env, large)
		if err != nil || c.Port != tt.port {
			t.Errorf("%v: %v, want port %d", tt.env, err, tt.port)
			continue
		}
		for _, s := range c.Settings() {
			if s.Name == "TOPICS_PORT" && tt.port == 8080 && s.Source != "PORT" {
				t.Errorf("%v: source %s", tt.env, s.Source)
			}
		}
	}
	if _, err := Load([]string{"PORT=http"}, large); err == nil || err.Error() != `PORT: "http" is not a whole number` {
		t.Errorf("a malformed PORT: %v", err)
	}
}
