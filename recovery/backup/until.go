package backup

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// Until is where a restore ends. The zero Until restores everything.
type Until struct {
	LSN  wal.LSN // omit frames from here on; 0 if unused
	Time int64   // Unix ms; omit the first later write and everything after it; 0 if unused
}

// ParseUntil parses lsn:N, a time in RFC 3339 format, or Unix milliseconds.
func ParseUntil(s string) (Until, error) {
	if digits, ok := strings.CutPrefix(s, "lsn:"); ok {
		n, err := strconv.ParseUint(digits, 10, 62)
		if err != nil || n == 0 {
			return Until{}, fmt.Errorf("%q is not a position in a log", digits)
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

// excludes reports whether a frame is the first to be omitted. If the clock was
// set back, a later write may have an earlier time; then the order in the log
// counts.
func (u Until) excludes(f wal.Frame) bool {
	if u.LSN != 0 {
		return f.LSN >= u.LSN
	}
	ms, ok := entry.Time(f.Type, f.Payload)
	return u.Time != 0 && ok && ms > u.Time
}
