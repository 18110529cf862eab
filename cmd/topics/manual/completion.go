package manual

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// CompletionCmd prints a completion script.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell that the script is for: ${enum}."`
}

// Help is printed below the flags.
func (CompletionCmd) Help() string {
	return `Names of topics are completed too, from the server that commands use.

  bash:  source <(topics completion bash), in ~/.bashrc
  zsh:   topics completion zsh > "${fpath[1]}/_topics"
  fish:  topics completion fish > ~/.config/fish/completions/topics.fish

Examples:
  topics completion bash
  topics completion zsh
  topics completion fish`
}

// Run prints the script.
func (c *CompletionCmd) Run(parser *kong.Kong) error {
	write := map[string]func(io.Writer, *kong.Application) error{"bash": bash, "zsh": zsh, "fish": fish}[c.Shell]
	return write(os.Stdout, parser.Model)
}

// walk writes the cases that lead from a command and a word to a subcommand.
func walk(w io.Writer, app *kong.Application) {
	for _, c := range commands(app) {
		if c.path != "" {
			fmt.Fprintf(w, "      %s) at=%s ;;\n", c.path, c.path)
		}
	}
}
