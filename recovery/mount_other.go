//go:build !linux

package recovery

import (
	"fmt"
	"runtime"
)

// mountOf fails: neither macOS nor Windows has an id that a volume does not get again
// when it is mounted anew.
func mountOf(name string) (string, error) {
	return "", fmt.Errorf("mount of %s: %s does not show which mount it is", name, runtime.GOOS)
}
