package attack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cgroup is a control group with a memory limit, or none.
type cgroup struct{ dir string }

// limitFiles are the files that set the limit of a cgroup, in both versions.
var limitFiles = []string{"memory.max", "memory.limit_in_bytes"}

// confine makes a cgroup with a limit in parent and moves the process there. If
// parent is empty it does nothing.
func confine(parent string, pid int, limit int64) (*cgroup, error) {
	if parent == "" {
		return &cgroup{}, nil
	}
	g := &cgroup{filepath.Join(parent, fmt.Sprintf("topics-attack-%d", pid))}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, err
	}
	err := g.limit(limit)
	if err == nil {
		err = os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), strconv.AppendInt(nil, int64(pid), 10), 0)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(g.dir))
	}
	return g, nil
}

func (g *cgroup) limit(bytes int64) error {
	for _, name := range limitFiles {
		name = filepath.Join(g.dir, name)
		if _, err := os.Stat(name); err == nil {
			return os.WriteFile(name, strconv.AppendInt(nil, bytes, 10), 0)
		}
	}
	return fmt.Errorf("%s has no memory controller", g.dir)
}

// remove removes the cgroup, whose processes have ended. The kernel may take a
// moment to notice that.
func (g *cgroup) remove() (err error) {
	if g.dir == "" {
		return nil
	}
	for range 50 {
		if err = os.Remove(g.dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
