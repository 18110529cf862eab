//go:build unix

package child

import (
	"os"
	"syscall"
)

// KillGroup kills a process with its process group.
func KillGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// Terminate tells a process to end, with SIGTERM.
func Terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }

// SignalGroup sends a signal to a process group.
func SignalGroup(pid int, s os.Signal) error {
	return syscall.Kill(-pid, s.(syscall.Signal)) // all signals are, on these systems
}
