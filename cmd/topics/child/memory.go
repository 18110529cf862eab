package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Resident returns the process's resident memory in bytes.
func Resident(pid int) (int64, error) { return memory(pid, "VmRSS:") }

// Peak returns the maximum resident memory of the process so far, in bytes.
func Peak(pid int) (int64, error) { return memory(pid, "VmHWM:") }

// PeakOwn returns Peak without the pages of files that are mapped now, such as
// the binary's, which the kernel can drop and other processes share.
func PeakOwn(pid int) (int64, error) {
	peak, err := Peak(pid)
	if err != nil {
		return 0, err
	}
	files, err := memory(pid, "RssFile:")
	return peak - files, err
}

func memory(pid int, name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseStatus(status, name)
}

// parseStatus extracts a size from /proc/PID/status.
func parseStatus(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in the process's status", name)
}
