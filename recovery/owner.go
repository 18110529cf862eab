package recovery

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// OwnerName is the file that says whose a cold directory is.
const OwnerName = "OWNER"

// ColdOwner returns the instance of the data directory that a cold directory
// belongs to; 0: it belongs to none.
func ColdOwner(fsys vfs.FS, dir string) (uint64, error) {
	name := path.Join(dir, OwnerName)
	b, err := vfs.ReadFile(fsys, name)
	if missing(err) {
		return 0, nil
	}
	var owner uint64
	if err == nil {
		owner, err = strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 16, 64)
	}
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", name, err)
	}
	return owner, nil
}

// claimCold marks the cold directory as this data directory's, and holds that
// it is not another's: each would take the other's files for what a crash left
// behind. The manifest with the instance is durable.
func (r *Recovered) claimCold() error {
	dir := r.opts.Storage.ColdDir
	if dir == "" {
		return nil
	}
	name, mine := path.Join(dir, OwnerName), r.manifest.Instance
	switch owner, err := ColdOwner(r.opts.FS, dir); {
	case err != nil:
		return err
	case owner == mine:
		return nil
	case owner != 0:
		return fmt.Errorf("%s says that the directory belongs to another data directory (%016x, this one is %016x): "+
			"use another one, or remove that file if the other is gone for good", name, owner, mine)
	}
	if err := vfs.WriteFileAtomic(r.opts.FS, dir, OwnerName, OwnerName+".tmp", fmt.Appendf(nil, "%016x\n", mine)); err != nil {
		return fmt.Errorf("claiming %s: %w", dir, err)
	}
	return nil
}
