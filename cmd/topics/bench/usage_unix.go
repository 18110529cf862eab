//go:build unix

package bench

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func readUsage(pid int) usage {
	var u usage
	var self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		u.client = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		u.server = parseStat(stat)
	}
	return u
}
