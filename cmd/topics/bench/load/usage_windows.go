package load

import (
	"time"

	"golang.org/x/sys/windows"
)

// ReadUsage returns what this process and that of the server have used.
func ReadUsage(pid int) Usage {
	u := Usage{Client: processTime(windows.CurrentProcess())}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return u
	}
	defer windows.CloseHandle(h)
	u.Server = processTime(h)
	return u
}

func processTime(h windows.Handle) time.Duration {
	var created, exited, kernel, user windows.Filetime
	err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user)
	if err != nil {
		return 0
	}
	return ticks(kernel) + ticks(user)
}

// ticks returns a span of time, which Windows counts in units of 100 ns.
func ticks(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
