package damage

import "testing"

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Cmd)
		ok     bool
	}{
		{func(*Cmd) {}, true},
		{func(c *Cmd) { c.Only = 10 }, true},
		{func(c *Cmd) { c.Only = 11 }, false},
		{func(c *Cmd) { c.Only = -1 }, false},
		{func(c *Cmd) { c.Tries = 0 }, false},
		{func(c *Cmd) { c.Scenes = 0 }, false},
		{func(c *Cmd) { c.Scenes = 101 }, false},
		{func(c *Cmd) { c.Parallel = 0 }, false},
		{func(c *Cmd) { c.Parallel = 65 }, false},
	} {
		c := &Cmd{Tries: 10, Scenes: 1, Parallel: 1}
		tt.change(c)
		if err := c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
