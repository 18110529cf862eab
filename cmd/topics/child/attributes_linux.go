package child

import "syscall"

// Attributes puts the process in its own process group, and makes the kernel
// kill it when this process ends.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
