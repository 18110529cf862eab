package load

import (
	"bytes"
	"strconv"
	"time"
)

// clockTick is the unit of CPU times in /proc: USER_HZ is 100 on every
// architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// Usage is the CPU time used so far, user and system. The server's is 0 if
// the system does not show it.
type Usage struct{ Client, Server time.Duration }

// CPUShares is how many processors each side kept busy.
type CPUShares struct {
	Client float64 `json:"client"`
	Server float64 `json:"server"`
}

// Since returns the shares between two readings.
func (u Usage) Since(before Usage, elapsed time.Duration) CPUShares {
	return CPUShares{
		Client: float64(u.Client-before.Client) / float64(elapsed),
		Server: float64(u.Server-before.Server) / float64(elapsed),
	}
}

// parseStat extracts utime and stime (fields 14 and 15) from /proc/PID/stat.
// The name of the command, field 2, may contain anything, so fields are counted
// from its closing parenthesis.
func parseStat(b []byte) time.Duration {
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0
		}
		ticks += time.Duration(n)
	}
	return ticks * clockTick
}
