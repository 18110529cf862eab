package child

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Attributes puts the process in its own process group. It keeps running if this
// process is killed.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}
