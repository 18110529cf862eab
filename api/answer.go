package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/e6e95bb8/topics/topics"
)

// mediaJSON is the media type of every answer but the plain-text ones.
const mediaJSON = "application/json"

// performer is a ResponseWriter that knows what its answer has cost.
type performer interface {
	// AppendPerformance appends the last members of the answer: the warnings,
	// if there are any, and the performance.
	AppendPerformance(b []byte) []byte
}

// writeJSON answers with v, which must marshal to an object, and adds the
// performance of w at its end, if w is a performer.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // only values of this server come here, and all of them can be encoded
	}
	b := bytes.TrimRight(buf.Bytes(), "\n")
	b = b[:len(b)-1] // reopen the object
	if len(b) > 1 {
		b = append(b, ',')
	}
	if p, ok := w.(performer); ok {
		b = p.AppendPerformance(b)
	} else {
		b = append(b, `"performance":{"server_total_ms":0}`...)
	}
	b = append(b, '}')
	w.Header().Set("Content-Type", mediaJSON)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

// envelope is the body of every answer that is not a 2xx.
type envelope struct {
	Error envelopeError `json:"error"`
}

type envelopeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

// writeError answers err in the envelope, with the headers that its status
// needs.
func writeError(w http.ResponseWriter, err error) {
	e := errorOf(err)
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retrySeconds(e.RetryAfter))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", e.Allow)
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "gzip, zstd")
	}
	body := envelopeError{e.Code, e.Message, nil}
	switch {
	case e.Report != nil:
		body.Detail = e.Report
	case len(e.Detail) > 0:
		body.Detail = e.Detail
	}
	writeJSON(w, e.Status, envelope{body})
}

// costs selects the figures of a Cost that an answer shows.
type costs uint8

const (
	costNone  costs = iota
	costWrite       // the log's
	costRead        // the scan's
)

// appendSpent appends the performance of what began at a time.
func appendSpent(b []byte, began time.Time, show costs, cost *topics.Cost) []byte {
	b = append(b, `"performance":{"server_total_ms":`...)
	b = appendMS(b, time.Since(began))
	switch show {
	case costWrite:
		b = appendWriteCost(b, cost)
	case costRead:
		b = append(b, `,"records_scanned":`...)
		b = strconv.AppendInt(b, int64(cost.Scanned), 10)
		if cost.Cold > 0 {
			b = append(b, `,"cold_segments_read":`...)
			b = strconv.AppendInt(b, int64(cost.Cold), 10)
		}
	}
	return append(b, '}')
}

func appendWriteCost(b []byte, cost *topics.Cost) []byte {
	b = append(b, `,"wal_append_ms":`...)
	b = appendMS(b, cost.Append)
	b = append(b, `,"fsync_ms":`...)
	b = appendMS(b, cost.Sync)
	b = append(b, `,"throttle_wait_ms":`...)
	return appendMS(b, cost.Throttle)
}

// appendMS appends a duration in milliseconds with microsecond digits.
func appendMS(b []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	b = strconv.AppendInt(b, us/1000, 10)
	frac := us % 1000
	if frac == 0 {
		return b
	}
	return append(b, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
}
