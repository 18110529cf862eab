package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"golang.org/x/sys/unix"
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

func mountOf(name string) (string, error) {
	var st unix.Statx_t
	const ids = unix.STATX_MNT_ID | unix.STATX_MNT_ID_UNIQUE
	if err := unix.Statx(unix.AT_FDCWD, name, 0, unix.STATX_BASIC_STATS|ids, &st); err != nil {
		return "", fmt.Errorf("mount of %s: %w", name, err)
	}
	device := fmt.Sprintf("%d:%d", st.Dev_major, st.Dev_minor)
	switch {
	case st.Mask&unix.STATX_MNT_ID_UNIQUE != 0:
		return fmt.Sprintf("%s unique %d", device, st.Mnt_id), nil
	case st.Mask&unix.STATX_MNT_ID != 0:
		return fmt.Sprintf("%s id %d", device, st.Mnt_id), nil
	}
	id, err := oldMountID(name)
	if err != nil {
		return "", fmt.Errorf("mount of %s: %w", name, err)
	}
	return fmt.Sprintf("%s id %s", device, id), nil
}

// oldMountID returns the mount id on a kernel whose statx has none.
func oldMountID(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(info)) {
		if id, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			return strings.TrimSpace(id), nil
		}
	}
	return "", errors.New("the kernel does not show its id")
}
