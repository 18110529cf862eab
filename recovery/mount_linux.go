package recovery

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

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
