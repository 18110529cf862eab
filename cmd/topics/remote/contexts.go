package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/e6e95bb8/topics/api/spelling"
)

// Contexts are the servers that the user has given a name. They are a file in
// the user's configuration directory that only the user may read, because it
// has keys.
type Contexts struct {
	Current string             `json:"current,omitempty"` // the one in use; may be empty
	Servers map[string]Context `json:"servers"`
}

// Context is a server with a name.
type Context struct {
	URL string `json:"url"`
	Key string `json:"key,omitempty"`
}

// File returns the name of the file of contexts.
func File() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "topics", "contexts.json"), nil
}

// Load reads the contexts. Without a file, or a place for one, there are none.
func Load() (*Contexts, error) {
	c := &Contexts{Servers: map[string]Context{}}
	name, err := File()
	if err != nil {
		return c, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w; mend the file or remove it", name, err)
	}
	if c.Servers == nil {
		c.Servers = map[string]Context{}
	}
	return c, nil
}

// Save replaces the file atomically.
func (c *Contexts) Save() error {
	name, err := File()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	next := name + ".next"
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, name)
}

// Names returns the names in order.
func (c *Contexts) Names() []string { return slices.Sorted(maps.Keys(c.Servers)) }

func (c *Contexts) named(name string) (Context, error) {
	found, ok := c.Servers[name]
	if ok {
		return found, nil
	}
	if near, ok := spelling.Nearest(name, c.Names()); ok {
		return found, Advised(fmt.Errorf("there is no context %q", name), "Did you mean "+near+"?")
	}
	return found, Advised(fmt.Errorf("there is no context %q", name), "topics context ls lists them, topics context add makes one.")
}
