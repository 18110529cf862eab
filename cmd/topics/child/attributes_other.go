//go:build !linux

package child

import "syscall"

// attributes puts the server in its own process group. Without a parent-death
// signal, the server keeps running if this process is killed with SIGKILL.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
