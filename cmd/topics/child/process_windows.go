package child

import (
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/windows"
)

// KillGroup kills a process with all that it started.
func KillGroup(pid int) error {
	return exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(pid)).Run()
}

// Terminate tells a process to end: to the process, which leads its process group,
// it is Ctrl+Break. It gets there only in the console of this process.
func Terminate(pid int) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(pid))
}

// SignalGroup tells a process group to end: there is no other signal for one.
func SignalGroup(pid int, _ os.Signal) error { return Terminate(pid) }
