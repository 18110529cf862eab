//go:build !linux

package child

import "syscall"

// attributes give the server its own process group. Without a parent-death
// signal the server outlives us when we are killed with SIGKILL.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
