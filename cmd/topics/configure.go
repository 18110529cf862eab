package main

import (
	"os"

	"github.com/e6e95bb8/topics/cmd/topics/config"
)

//go:generate sh -c "go run . config --markdown > ../../docs/configuration.md"
//go:generate sh -c "go run . man --markdown > ../../docs/commands.md"

// configCmd prints the effective configuration.
type configCmd struct {
	settings
	JSON     bool `name:"json" help:"Print JSON, with the declaration of each variable." xor:"form"`
	Markdown bool `help:"Print docs/configuration.md instead; the environment is ignored." xor:"form"`
}

// Help is printed below the flags.
func (configCmd) Help() string {
	return "Examples:\n  topics config\n  topics config --port 4100 --json"
}

// Run prints to standard output. It returns an error if the environment is
// refused.
func (c *configCmd) Run() error {
	if c.Markdown {
		return config.Markdown(os.Stdout)
	}
	effective, err := config.Load(c.environ(), config.ThisMachine())
	if err != nil {
		return err
	}
	if c.JSON {
		return effective.JSON(os.Stdout)
	}
	return effective.Table(os.Stdout)
}
