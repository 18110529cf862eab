package remote

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
)

// ContextCmd keeps the list of servers.
type ContextCmd struct {
	Ls  contextLs  `cmd:"" default:"withargs" help:"List the servers. This is the default."`
	Add contextAdd `cmd:"" help:"Give a server a name, or change it."`
	Use contextUse `cmd:"" help:"Choose the server that commands use from now on."`
	Rm  contextRm  `cmd:"" help:"Forget a server."`
}

// Help is printed below the flags.
func (ContextCmd) Help() string {
	return "The list is contexts.json in the directory topics of the user's configuration directory. Keys are never printed."
}

type contextLs struct {
	JSON bool `name:"json" help:"Print JSON lines."`
}

func (contextLs) Help() string { return "Examples:\n  topics context ls" }

// Run prints each server, and a star before the one in use.
func (c *contextLs) Run() error {
	contexts, err := Load()
	if err != nil {
		return err
	}
	if len(contexts.Servers) == 0 && !c.JSON {
		fmt.Fprintln(os.Stderr, "no contexts; make one with: topics context add NAME --url URL")
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, name := range contexts.Names() {
		s := contexts.Servers[name]
		if c.JSON {
			line, err := json.Marshal(map[string]any{"name": name, "url": s.URL, "has_key": s.Key != "", "current": name == contexts.Current})
			if err != nil {
				return err
			}
			fmt.Fprintf(t, "%s\n", line)
			continue
		}
		mark, key := " ", "no key"
		if name == contexts.Current {
			mark = "*"
		}
		if s.Key != "" {
			key = "with a key"
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\n", mark, name, s.URL, key)
	}
	return t.Flush()
}

type contextAdd struct {
	Name string `arg:"" help:"Name of the server."`
	URL  string `required:"" placeholder:"URL" help:"Address of the server."`
	Key  string `placeholder:"KEY" help:"API key, which is kept in the file (default: $TOPICS_KEY)."`
	Use  bool   `help:"Use it from now on."`
}

func (contextAdd) Help() string {
	return "Examples:\n  topics context add staging --url https://topics.example --key secret\n  topics context ls"
}

// Run adds the server. The first one is used from then on.
func (c *contextAdd) Run() error {
	contexts, err := Load()
	if err != nil {
		return err
	}
	key := c.Key
	if key == "" {
		key = os.Getenv("TOPICS_KEY")
	}
	url := c.URL
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	contexts.Servers[c.Name] = Context{URL: url, Key: key}
	if c.Use {
		contexts.Current = c.Name
	}
	return contexts.Save()
}

type contextUse struct {
	Name string `arg:"" optional:"" help:"Name of the server; without one, none is in use."`
}

func (contextUse) Help() string {
	return "Examples:\n  topics context add here --url 127.0.0.1:4000\n  topics context use here\n  topics context use"
}

// Run chooses the server.
func (c *contextUse) Run() error {
	contexts, err := Load()
	if err != nil {
		return err
	}
	if c.Name != "" {
		if _, err := contexts.named(c.Name); err != nil {
			return err
		}
	}
	contexts.Current = c.Name
	return contexts.Save()
}

type contextRm struct {
	Name string `arg:"" help:"Name of the server."`
}

func (contextRm) Help() string {
	return "Examples:\n  topics context add old --url 127.0.0.1:4001\n  topics context rm old"
}

// Run removes the server from the list.
func (c *contextRm) Run() error {
	contexts, err := Load()
	if err != nil {
		return err
	}
	if _, err := contexts.named(c.Name); err != nil {
		return err
	}
	delete(contexts.Servers, c.Name)
	if contexts.Current == c.Name {
		contexts.Current = ""
	}
	return contexts.Save()
}
