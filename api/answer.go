package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/e6e95bb8/topics/topics"
)

// The media type of every answer but the plain-text ones.
const mediaJSON = "application/json"

// writeJSON answers v, which must marshal to an object, with the performance
// block added at its end. w is the call of the request.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only values of this package get here; none of them can fail.
		panic(err)
	}
	b := bytes.TrimRight(buf.Bytes(), "\n")
	b = b[:len(b)-1] // reopen the object
	if len(b) > 1 {
		b = append(b, ',')
	}
	c, _ := w.(*call)
	b = append(appendPerformance(b, c), '}')
	w.Header().Set("Content-Type", mediaJSON)
	w.WriteHeader(status)
	_, _ = w.Write(b) // a call buffers: it cannot fail
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

// writeError answers err in the envelope, with the headers its status needs.
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
	case e.Replay != nil:
		body.Detail = e.Replay
	case len(e.Detail) > 0:
		body.Detail = e.Detail
	}
	writeJSON(w, e.Status, envelope{body})
}

// costs says which of a Cost's figures an answer shows.
type costs uint8

const (
	costNone  costs = iota
	costWrite       // the log's
	costRead        // the scan's
)

// appendPerformance renders the last members of an answer, without a comma: the
// warnings, if there are any, and the performance. c may be nil, for an answer outside a call.
func appendPerformance(b []byte, c *call) []byte {
	if c == nil {
		return append(b, `"performance":{"server_total_ms":0}`...)
	}
	return appendSpent(appendWarnings(b, &c.notices), c.start, c.costs, &c.cost)
}

// appendSpent is appendPerformance for what began at a time and cost so much.
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

// appendMS renders a duration in milliseconds with microsecond digits.
func appendMS(b []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	b = strconv.AppendInt(b, us/1000, 10)
	frac := us % 1000
	if frac == 0 {
		return b
	}
	return append(b, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
}
