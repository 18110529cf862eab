package child

import "syscall"

// attributes puts the server in its own process group, and makes the kernel
// kill it when this process ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
