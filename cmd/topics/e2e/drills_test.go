package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// updateDrills writes what the sessions print into docs/drills.md.
var updateDrills = flag.Bool("update-drills", false, "write the output of the sessions into docs/drills.md")

const drillPage = "../../../docs/drills.md"

// TestDrillBook runs the sessions of docs/drills.md as an operator who copies them,
// and compares what they print, apart from numbers.
func TestDrillBook(t *testing.T) {
	page, err := os.ReadFile(drillPage)
	if err != nil {
		t.Fatal(err)
	}
	drills := parseSessions(string(page))
	if len(drills) < 10 {
		t.Fatalf("the book has %d sessions", len(drills))
	}
	setup := drills[0]
	for _, d := range drills[1:] {
		t.Run(d.title, func(t *testing.T) {
			if !*updateDrills {
				t.Parallel() // most of it waits for starts and syncs
			}
			runDrill(t, setup, d)
		})
	}
	if *updateDrills {
		if err := os.WriteFile(drillPage, []byte(rewritten(string(page), drills)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// runDrill runs a session after the setup, in a directory of its own and with
// another port.
func runDrill(t *testing.T, setup, d *session) {
	if strings.Contains(d.text(), "mount") && os.Getuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root can mount")
	}
	for _, program := range []string{"curl", "jq", "mkfs.ext4", "mkfs.xfs", "xfs_io", "fsfreeze"} {
		if strings.Contains(setup.text()+d.text(), program+" ") {
			installed(t, program)
		}
	}
	s := sandbox{dir: t.TempDir(), env: withBinary(), words: [][2]string{{"4000", freePort(t)}}}
	s.prologue = "trap 'kill -9 ${server:-0} 2>/dev/null; fsfreeze -u vol 2>/dev/null; umount -l vol 2>/dev/null' EXIT\n"
	outputs := s.run(t, slices.Concat(setup.commands, d.commands))[len(setup.commands):]
	for i, c := range d.commands {
		if *updateDrills {
			c.output = outputs[i]
		} else if shape(outputs[i]) != shape(c.output) {
			t.Errorf("$ %s\nprinted\n%s\nthe page has\n%s", c.lines[0], shape(outputs[i]), shape(c.output))
		}
	}
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(s.dir, "drill", "server.log"))
		t.Logf("the server's log:\n%s", log)
	}
}
