package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// SetCmd changes the settings of a topic.
type SetCmd struct {
	Topic    string   `arg:"" completion:"topic" help:"Topic to change."`
	Settings []string `arg:"" name:"setting" help:"Settings as name=value, such as ttl=7d, cap_bytes=1GiB, durability=fsync, priority=none."`
	Create   bool     `help:"Create the topic if it does not exist."`
	JSON     bool     `name:"json" help:"Print the whole config as JSON."`
	remote.Flags
}

// Help is printed below the flags.
func (SetCmd) Help() string {
	return `Settings that are not named stay as they are.

Examples:
  topics set orders ttl=7d cap_bytes=1GiB
  topics set mail type=queue lease=1m max_deliveries=5 dead_letter=mail-dead --create
  topics set orders priority=none --json`
}

// settings returns the settings of the command line.
func (c *SetCmd) settings() (all []setting, err error) {
	for _, text := range c.Settings {
		s, err := parseSetting(text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Run changes the topic, or creates it, and prints what its settings are.
func (c *SetCmd) Run(ctx context.Context) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	return c.Flags.Run(ctx, "set", func(server *remote.Connection) error {
		created, config, err := put(ctx, server.Client, c.Topic, settings, c.Create)
		if client.IsCode(err, client.CodeTopicNotFound) && !c.Create {
			return err
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(os.Stdout).Encode(config)
		}
		verb := "changed"
		if created {
			verb = "created"
		}
		fmt.Printf("%s: %s\n", c.Topic, verb)
		all, err := settingsOf(config)
		for _, s := range all {
			if slices.ContainsFunc(settings, func(given setting) bool { return given.name == s.name }) {
				fmt.Printf("%s=%s\n", s.name, s.value)
			}
		}
		return err
	})
}

// put changes a topic, or creates it if there is none and create is set, and
// returns its config.
func put(ctx context.Context, api *client.Client, topic string, settings []setting, create bool) (created bool, config client.Config, err error) {
	state, err := api.State(ctx, topic)
	if client.IsCode(err, client.CodeTopicNotFound) && create {
		if config, err = configOf(settings); err != nil {
			return false, config, err
		}
		if created, err = api.PutTopic(ctx, topic, config); err != nil {
			return false, config, err
		}
		state, err = api.State(ctx, topic)
		return created, state.Config, err
	}
	if err != nil {
		return false, config, err
	}
	settings = slices.DeleteFunc(slices.Clone(settings), func(s setting) bool { return s.name == "type" && s.value == fmt.Sprintf("%q", state.Type) })
	changes, err := changesOf(settings)
	if err != nil {
		return false, config, err
	}
	config, err = api.PatchTopic(ctx, topic, changes)
	return false, config, err
}
