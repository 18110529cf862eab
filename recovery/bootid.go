package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/e6e95bb8/topics/recovery/manifest"
)

// BootIDFile is where Linux publishes the id of the running boot.
const BootIDFile = "/proc/sys/kernel/random/boot_id"

// BootID reads the kernel's boot id from file, which is BootIDFile except in
// tests. An id that cannot be read proves nothing: treat it as a different one.
func BootID(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if id == "" {
		return "", fmt.Errorf("boot id: %s is empty", file)
	}
	return id, nil
}

// Mount identifies the mount that has the log of a data directory, by its device
// and an id that no other mount of this boot has. On kernels before 6.8 an
// unmounted mount may have had the same id. A directory that does not exist yet
// will be in the mount of the nearest parent that does.
func Mount(dir string) (string, error) {
	for name := path.Join(dir, manifest.LogDir); ; name = path.Dir(name) {
		id, err := mountOf(name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || name == path.Dir(name) {
			return id, err
		}
	}
}
