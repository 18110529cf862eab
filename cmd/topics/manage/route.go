package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/records"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// RouteCmd has the commands for routers.
type RouteCmd struct {
	Ls  routeLs  `cmd:"" default:"withargs" help:"List routers. This is the default."`
	Add routeAdd `cmd:"" help:"Copy what is written to a topic into another one, from now on."`
	Rm  routeRm  `cmd:"" help:"Delete a router; what it copied stays."`
}

type routeAdd struct {
	Source string `arg:"" completion:"topic" help:"Topic that is copied."`
	Dest   string `arg:"" completion:"topic" help:"Topic that the copies go to. It is created if it does not exist."`
	Name   string `placeholder:"NAME" help:"Name of the router (default: SOURCE>DEST)."`
	Filter string `placeholder:"TAG|PREFIX*" help:"Copy only records with this tag, or whose tag begins with what stands before a final *."`
	Once   bool   `help:"Promise that no record arrives twice, across any crash."`
	JSON   bool   `name:"json" help:"Print JSON."`
	remote.Flags
}

func (routeAdd) Help() string {
	return "Examples:\n  topics route add orders billing --filter 'order-*'"
}

// Run makes the router.
func (c *routeAdd) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "route add", func(server *remote.Connection) error {
		name := c.Name
		if name == "" {
			name = c.Source + ">" + c.Dest
		}
		r := client.Router{Source: c.Source, Dest: c.Dest, Filter: records.Match(c.Filter)}
		if c.Once {
			r.Guarantee = "exactly_once"
		}
		created, err := server.PutRouter(ctx, name, r)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"router": name, "created": created})
		}
		verb := "replaced"
		if created {
			verb = "created"
		}
		_, err = fmt.Printf("%s: %s\n", name, verb)
		return err
	})
}

type routeLs struct {
	Prefix string `arg:"" optional:"" help:"Only routers whose names begin with this."`
	JSON   bool   `name:"json" help:"Print JSON lines."`
	remote.Flags
}

func (routeLs) Help() string { return "Examples:\n  topics route ls\n  topics route ls --json" }

// Run prints a line for each router.
func (c *routeLs) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "route ls", func(server *remote.Connection) error {
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		lines := 0
		for r, err := range server.Routers(ctx, client.RouterFilter{Prefix: c.Prefix}) {
			if err != nil {
				return err
			}
			if lines++; c.JSON {
				line, err := json.Marshal(r)
				if err != nil {
					return err
				}
				fmt.Fprintf(t, "%s\n", line)
				continue
			}
			if lines == 1 {
				fmt.Fprintln(t, "ROUTER\tSOURCE\tDEST\tFILTER\tFORWARDED\tBEHIND\tBLOCKED")
			}
			filter := "-"
			if len(r.Filter) == 3 {
				filter = r.Filter[2]
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", r.Name, r.Source, r.Dest, filter, r.Forwarded, r.Lag, r.Blocked)
		}
		if lines == 0 && !c.JSON {
			fmt.Fprintln(os.Stderr, "no routers; topics route add SOURCE DEST makes one")
		}
		return t.Flush()
	})
}

type routeRm struct {
	Name string `arg:"" help:"Name of the router."`
	remote.Flags
}

func (routeRm) Help() string {
	return "Examples:\n  topics route add orders audit\n  topics route rm 'orders>audit'"
}

// Run deletes the router.
func (c *routeRm) Run(ctx context.Context) error {
	return c.Flags.Run(ctx, "route rm", func(server *remote.Connection) error {
		deleted, err := server.DeleteRouter(ctx, c.Name)
		if err == nil && !deleted {
			err = remote.Advised(fmt.Errorf("there is no router %q", c.Name), "topics route ls lists the routers that there are.")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Printf("%s: deleted\n", c.Name)
		return err
	})
}
