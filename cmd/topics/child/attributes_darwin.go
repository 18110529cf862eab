package child

import "syscall"

// Attributes puts the process in its own process group. Without a parent-death
// signal, it keeps running if this process is killed with SIGKILL.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
