package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Error codes that callers of this package are likely to handle.
const (
	CodeInvalidRequest      = "invalid_request"
	CodeBatchTooLarge       = "batch_too_large"
	CodeRecordTooLarge      = "record_too_large"
	CodePayloadTooLarge     = "payload_too_large"
	CodeUnauthorized        = "unauthorized"
	CodeForbidden           = "forbidden"
	CodeNotFound            = "not_found"
	CodeTopicNotFound       = "topic_not_found"
	CodeRouterNotFound      = "router_not_found"
	CodeRouterCycle         = "router_cycle"
	CodeRouterFanout        = "router_fanout"
	CodeTopicIncompatible   = "topic_exists_incompatible"
	CodeTopicNotEmpty       = "topic_not_empty"
	CodeTopicFull           = "topic_full"
	CodeNotQueue            = "not_a_queue"
	CodeNothingAcked        = "nothing_acked"
	CodeUniqueKeyLive       = "unique_key_live"
	CodeSeqMismatch         = "seq_mismatch"
	CodeNotReady            = "not_ready"
	CodeShuttingDown        = "shutting_down"
	CodeThrottled           = "throttled"
	CodeStorageUnavailable  = "storage_unavailable"
	CodeInsufficientStorage = "insufficient_storage"
)

// Error is an answer of the server other than a success.
type Error struct {
	Status     int            // HTTP status
	Code       string         // stable, snake_case; empty if the body is not the server's error envelope
	Message    string         // for humans
	Detail     map[string]any // numbers are json.Number; may be nil
	RetryAfter time.Duration  // how long the server asked to wait; may be 0
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("server answered %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("server answered %d %s: %s", e.Status, e.Code, e.Message)
}

// Uint returns the number that Detail has under key.
func (e *Error) Uint(key string) (uint64, bool) {
	n, ok := e.Detail[key].(json.Number)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(n.String(), 10, 64)
	return v, err == nil
}

// IsCode reports whether err is an *Error with this code.
func IsCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// readError returns the Error for a response whose body has been read.
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
		if to := resp.Header.Get("Location"); to != "" {
			e.Message += ", to " + to
		}
		return e
	}
	e.Code, e.Message, e.Detail = envelope.Error.Code, envelope.Error.Message, envelope.Error.Detail
	return e
}

// readFault returns the error described by an error event.
func readFault(data []byte) error {
	var fault struct {
		Status       int    `json:"code"`
		Code         string `json:"error"`
		Message      string
		Topic        string
		Detail       map[string]any
		RetryAfterMS int64 `json:"retry_after_ms"`
	}
	if err := decodeNumbers(data, &fault); err != nil {
		return fmt.Errorf("error event is not the expected JSON: %w", err)
	}
	e := &Error{
		Status: fault.Status, Code: fault.Code, Message: fault.Message, Detail: fault.Detail,
		RetryAfter: time.Duration(fault.RetryAfterMS) * time.Millisecond,
	}
	if fault.Topic != "" {
		if e.Detail == nil {
			e.Detail = map[string]any{}
		}
		e.Detail["topic"] = fault.Topic
	}
	return e
}

// gaveUp wraps the last error when the time for retries is over.
func gaveUp(after time.Duration, err error) error {
	return fmt.Errorf("gave up after %s: %w", after, err)
}

// retryAfter parses Retry-After, which this server sends in whole seconds.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
