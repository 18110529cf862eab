package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The error codes that callers of this package act on.
const (
	CodeTopicNotFound      = "topic_not_found"
	CodeSeqMismatch        = "seq_mismatch"
	CodeNotReady           = "not_ready"
	CodeShuttingDown       = "shutting_down"
	CodeThrottled          = "throttled"
	CodeStorageUnavailable = "storage_unavailable"
)

// Error is an answer of the server that is not a success.
type Error struct {
	Status     int            // HTTP status
	Code       string         // stable, snake_case; empty when the body was not the server's envelope
	Message    string         // for people
	Detail     map[string]any // numbers are json.Number; may be nil
	RetryAfter time.Duration  // what the server asked for; 0: nothing
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("server answered %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("server answered %d %s: %s", e.Status, e.Code, e.Message)
}

// Uint returns a number of Detail.
func (e *Error) Uint(key string) (uint64, bool) {
	n, ok := e.Detail[key].(json.Number)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(n.String(), 10, 64)
	return v, err == nil
}

// IsCode reports whether err is the server's answer with this code.
func IsCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// readError makes the Error of a response whose body has been read.
func readError(resp *http.Response, body []byte) *Error {
	var envelope struct {
		Error struct {
			Code    string         `json:"code"`
			Message string         `json:"message"`
			Detail  map[string]any `json:"detail"`
		} `json:"error"`
	}
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	if err := decodeNumbers(body, &envelope); err != nil || envelope.Error.Code == "" {
		e.Message = http.StatusText(resp.StatusCode)
		return e
	}
	e.Code, e.Message, e.Detail = envelope.Error.Code, envelope.Error.Message, envelope.Error.Detail
	return e
}

// retryAfter reads the header's whole seconds; the server sends no dates.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
