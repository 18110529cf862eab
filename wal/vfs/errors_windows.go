package vfs

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// ENOSPC is never an error of Windows. It is what this module's own file systems
// and bounds return on every system.
var noSpace = []syscall.Errno{
	windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED, syscall.ENOSPC,
}

var temporary = []syscall.Errno{
	windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY, windows.ERROR_NO_SYSTEM_RESOURCES,
	windows.ERROR_ACCESS_DENIED, windows.ERROR_WRITE_PROTECT, windows.ERROR_NOT_READY, windows.ERROR_SEM_TIMEOUT,
	// Another program, such as a virus scanner, has the file open for a moment.
	windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_DELETE_PENDING,
}
