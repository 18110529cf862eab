package backup

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// Until is where a restore ends. The zero Until is the end of what there is.
type Until struct {
	LSN  wal.LSN // frames from here on are left out; 0: see Time
	Time int64   // Unix ms: the first write after it, and all behind that, is left out; 0: nothing is
}

// ParseUntil reads what an operator writes: lsn:N, a time as in RFC 3339, or
// Unix milliseconds.
func ParseUntil(s string) (Until, error) {
	if digits, ok := strings.CutPrefix(s, "lsn:"); ok {
		n, err := strconv.ParseUint(digits, 10, 62)
		if err != nil || n == 0 {
			return Until{}, fmt.Errorf("%q is no position in a log", digits)
		}
		return Until{LSN: wal.LSN(n)}, nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 0 {
		return Until{Time: ms}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.UnixMilli() <= 0 {
		return Until{}, fmt.Errorf("%q is neither lsn:N, nor a time like 2026-01-31T12:00:00Z, nor Unix milliseconds", s)
	}
	return Until{Time: t.UnixMilli()}, nil
}

func (u Until) String() string {
	if u.Time != 0 {
		return time.UnixMilli(u.Time).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	return fmt.Sprintf("lsn %d", u.LSN)
}

// excludes reports whether the frame is the first that is left out. Of two writes
// in the log the later may have an earlier time, when the clock was set back:
// what counts is the order in the log.
func (u Until) excludes(f wal.Frame) bool {
	if u.LSN != 0 {
		return f.LSN >= u.LSN
	}
	ms, ok := entry.Time(f.Type, f.Payload)
	return u.Time != 0 && ok && ms > u.Time
}
