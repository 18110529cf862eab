package http1

import (
	"net/http"
	"sync/atomic"
	"time"
)

// second is a Date field, which is the same for a second.
type second struct {
	unix int64
	line []byte
}

var thisSecond atomic.Pointer[second]

// dateLine returns the Date field at a time. It must not be changed.
func dateLine(now time.Time) []byte {
	unix := now.Unix()
	s := thisSecond.Load()
	if s == nil || s.unix != unix {
		s = &second{unix, now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat+"\r\n")}
		thisSecond.Store(s)
	}
	return s.line
}
