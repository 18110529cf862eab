package recovery

import (
	"fmt"
	"os"
	"strings"
)

// BootIDFile is where Linux tells the id of the running boot.
const BootIDFile = "/proc/sys/kernel/random/boot_id"

// BootID reads the kernel's boot id from file, BootIDFile outside of tests.
// Two equal ids mean that the page cache has lived all the while, so what was
// written to a file is still there, synced or not. An id that cannot be read
// proves nothing: treat it as different.
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
