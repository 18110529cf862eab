package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
)

// MediaJSON is the media type of every answer but the plain-text ones.
const MediaJSON = "application/json"

// Performer is a ResponseWriter that knows what its answer has cost.
type Performer interface {
	// AppendPerformance appends the last members of the answer: the warnings,
	// if there are any, and the performance.
	AppendPerformance(b []byte) []byte
}

// WriteJSON answers with v, which must marshal to an object, and adds the
// performance of w at its end, if w is a Performer.
func WriteJSON(w http.ResponseWriter, status int, v any) {
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
	if p, ok := w.(Performer); ok {
		b = p.AppendPerformance(b)
	} else {
		b = append(b, `"performance":{"server_total_ms":0}`...)
	}
	b = append(b, '}')
	w.Header().Set("Content-Type", MediaJSON)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

// Envelope is the body of every answer that is not a 2xx.
type Envelope struct {
	Error EnvelopeError `json:"error"`
}

// EnvelopeError is the error in an Envelope.
type EnvelopeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

// WriteError answers err in the envelope, with the headers that its status
// needs.
func WriteError(w http.ResponseWriter, err error) {
	e := ErrorOf(err)
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", RetrySeconds(e.RetryAfter))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", e.Allow)
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "gzip, zstd")
	}
	WriteJSON(w, e.Status, Envelope{EnvelopeError{e.Code, e.Message, e.Details()}})
}

// Costs selects the figures of a Cost that an answer shows.
type Costs uint8

const (
	CostNone  Costs = iota
	CostWrite       // the log's
	CostRead        // the scan's
)

// AppendSpent appends the performance of what began at a time.
func AppendSpent(b []byte, began time.Time, show Costs, cost *topic.Cost) []byte {
	b = append(b, `"performance":{"server_total_ms":`...)
	b = appendMS(b, time.Since(began))
	switch show {
	case CostWrite:
		b = appendWriteCost(b, cost)
	case CostRead:
		b = append(b, `,"records_scanned":`...)
		b = strconv.AppendInt(b, int64(cost.Scanned), 10)
		if cost.Cold > 0 {
			b = append(b, `,"cold_segments_read":`...)
			b = strconv.AppendInt(b, int64(cost.Cold), 10)
		}
	}
	return append(b, '}')
}

func appendWriteCost(b []byte, cost *topic.Cost) []byte {
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
