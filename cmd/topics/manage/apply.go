package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// ApplyCmd makes topics and routers as a file says.
type ApplyCmd struct {
	File   string `arg:"" help:"YAML file with topics and routers; - is standard input." type:"path"`
	DryRun bool   `help:"Print the differences and change nothing."`
	JSON   bool   `name:"json" help:"Print the differences as JSON lines."`
	remote.Flags
}

// Help is printed below the flags.
func (ApplyCmd) Help() string {
	return `The file has the settings that matter; those that it does not name stay as they are, and
topics and routers that it does not name are left alone:

  topics:
    orders: {durability: fsync, ttl: 7d}
    mail: {type: queue, lease: 1m, dead_letter: mail-dead}
  routers:
    orders>mail: {source: orders, dest: mail, filter: mail-*}

Examples:
  topics apply topics.yaml --dry-run
  topics apply topics.yaml`
}

// Run applies the file, or prints what would change.
func (c *ApplyCmd) Run(ctx context.Context) error {
	text, err := c.read()
	if err != nil {
		return err
	}
	want, err := parseFile(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return c.Flags.Run(ctx, "apply", func(server *remote.Connection) error {
		all, err := want.differences(ctx, server.Client)
		if err != nil {
			return err
		}
		changed := 0
		for _, d := range all {
			if len(d.Changes) == 0 {
				continue
			}
			if !c.DryRun {
				if err := d.apply(ctx, server.Client); err != nil {
					return fmt.Errorf("%s %s: %w", d.Kind, d.Name, err)
				}
			}
			changed++
			if err := c.print(d); err != nil {
				return err
			}
		}
		if c.JSON {
			return nil
		}
		verb := "changed"
		if c.DryRun {
			verb = "to change"
		}
		_, err = fmt.Printf("%d %s, %d as they should be\n", changed, verb, len(all)-changed)
		return err
	})
}

func (c *ApplyCmd) read() ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(c.File)
}

// difference is what the file and the server disagree on about a topic or a
// router.
type difference struct {
	Kind    string   `json:"kind"` // topic, router
	Name    string   `json:"name"`
	Create  bool     `json:"create"`
	Changes []change `json:"changes"`
	apply   func(context.Context, *client.Client) error
}

// change is a setting with its values as JSON.
type change struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to"`
}

// print prints a difference: what is made, or what changes.
func (c *ApplyCmd) print(d *difference) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(d)
	}
	colours := terminal.ColoursFor(os.Stdout)
	mark, paint := "~", colours.Changed
	if d.Create {
		mark, paint = "+", colours.Good
	}
	fmt.Println(paint(mark + " " + d.Kind + " " + d.Name))
	for _, ch := range d.Changes {
		if len(ch.From) > 0 {
			fmt.Printf("    %s: %s -> %s\n", ch.Name, colours.Bad(string(ch.From)), colours.Good(string(ch.To)))
		} else {
			fmt.Printf("    %s: %s\n", ch.Name, colours.Good(string(ch.To)))
		}
	}
	return nil
}

// differences compares the file with the server.
func (f *file) differences(ctx context.Context, api *client.Client) ([]*difference, error) {
	var all []*difference
	for _, t := range f.topics {
		d, err := t.difference(ctx, api)
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", t.name, err)
		}
		all = append(all, d)
	}
	for _, r := range f.routers {
		d, err := r.difference(ctx, api)
		if err != nil {
			return nil, fmt.Errorf("router %s: %w", r.name, err)
		}
		all = append(all, d)
	}
	return all, nil
}

func (t *declaredTopic) difference(ctx context.Context, api *client.Client) (*difference, error) {
	d := &difference{Kind: "topic", Name: t.name, apply: func(ctx context.Context, api *client.Client) error {
		_, _, err := put(ctx, api, t.name, t.settings, true)
		return err
	}}
	state, err := api.State(ctx, t.name)
	if client.IsCode(err, client.CodeTopicNotFound) {
		d.Create = true
		for _, s := range t.settings {
			d.Changes = append(d.Changes, change{Name: s.name, To: json.RawMessage(s.value)})
		}
		if len(t.settings) == 0 {
			d.Changes = []change{{Name: "type", To: json.RawMessage(`"log"`)}}
		}
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	is, err := settingsOf(state.Config)
	if err != nil {
		return nil, err
	}
	now := map[string]string{}
	for _, s := range is {
		now[s.name] = s.value
	}
	for _, s := range t.settings {
		was, ok := now[s.name]
		if !ok {
			was = zero(s.name)
		}
		if was == s.value {
			continue
		}
		if s.name == "type" {
			return nil, errors.New("it exists with another type, which cannot change")
		}
		d.Changes = append(d.Changes, change{Name: s.name, From: json.RawMessage(was), To: json.RawMessage(s.value)})
	}
	return d, nil
}

func (r *declaredRouter) difference(ctx context.Context, api *client.Client) (*difference, error) {
	d := &difference{Kind: "router", Name: r.name, apply: func(ctx context.Context, api *client.Client) error {
		_, err := api.PutRouter(ctx, r.name, r.router)
		return err
	}}
	is, err := api.Router(ctx, r.name)
	d.Create = client.IsCode(err, client.CodeRouterNotFound)
	if err != nil && !d.Create {
		return nil, err
	}
	before, after := routerFields(is.Router), routerFields(r.router)
	for i := range after {
		if bytes.Equal(before[i].To, after[i].To) {
			continue
		}
		ch := after[i]
		if !d.Create {
			ch.From = before[i].To
		}
		d.Changes = append(d.Changes, ch)
	}
	return d, nil
}
