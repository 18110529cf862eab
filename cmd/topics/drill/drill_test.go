package drill

import (
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Cmd)
		ok     bool
	}{
		{func(*Cmd) {}, true},
		{func(c *Cmd) { c.Set = []string{"TOPICS_LOG_LEVEL=debug", "TOPICS_COLD_DIR="} }, true},
		{func(c *Cmd) { c.Set = []string{"TOPICS_LOG_LEVEL"} }, false},
		{func(c *Cmd) { c.Set = []string{"=debug"} }, false},
		{func(c *Cmd) { c.Kills = 0 }, false},
		{func(c *Cmd) { c.Writers = len(classes) - 1 }, false},
		{func(c *Cmd) { c.Writers = 1025 }, false},
		{func(c *Cmd) { c.Duration = 0 }, false},
	} {
		c := &Cmd{Kills: 1, Duration: time.Second, Writers: len(classes)}
		tt.change(c)
		if err := c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
