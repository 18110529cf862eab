package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Resident is a process's resident memory in bytes.
func Resident(pid int) (int64, error) { return memory(pid, "VmRSS:") }

// Peak is the most resident memory that a process ever had, in bytes.
func Peak(pid int) (int64, error) { return memory(pid, "VmHWM:") }

func memory(pid int, name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseStatus(status, name)
}

// parseStatus takes a size out of /proc/PID/status.
func parseStatus(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in the process's status", name)
}
