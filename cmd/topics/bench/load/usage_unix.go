//go:build unix

package load

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// ReadUsage returns what this process and that of the server have used.
func ReadUsage(pid int) Usage {
	var u Usage
	var self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		u.Client = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		u.Server = parseStat(stat)
	}
	return u
}
