//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// allowFiles raises the limit of open files of this process and its children to
// n.
func allowFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < uint64(n) {
		limit.Max = uint64(n)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d files are needed: %w", n, err)
	}
	return nil
}
