package catalog

import (
	"strings"

	"github.com/e6e95bb8/topics/topics/record"
)

// deadChains knows which queue names which dead-letter topic, by their names, as
// the last configs that have their place in the log say. Catalog.Mu guards it.
type deadChains struct {
	of map[string]string
}

// check refuses a config with which the dead letters of the topic of that name
// would come back to it.
func (d *deadChains) check(name string, c *record.Config) error {
	if c.Type != record.TypeQueue || c.DeadLetter == nil {
		return nil
	}
	chain := []string{name}
	for next, ok := *c.DeadLetter, true; ok; next, ok = d.of[next] {
		chain = append(chain, next)
		if next == name {
			return record.InvalidField("dead_letter", "dead letters would come back: %s", strings.Join(chain, " > "))
		}
	}
	return nil
}

// set records the config of the topic of that name.
func (d *deadChains) set(name string, c *record.Config) {
	if c.Type != record.TypeQueue || c.DeadLetter == nil {
		d.forget(name)
		return
	}
	if d.of == nil {
		d.of = make(map[string]string)
	}
	d.of[name] = *c.DeadLetter
}

// forget records that there is no topic of that name any more.
func (d *deadChains) forget(name string) { delete(d.of, name) }
