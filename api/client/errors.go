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
	CodeSeqMismatch         = "seq_mismatch"
	CodeNotReady            = "not_ready"
	CodeShuttingDown        = "shutting_down"
	CodeThrottled           = "throttled"
	CodeStorageUnavailable  = "storage_unavailable"
	CodeInsufficientStorage = "insufficient_storage"
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
		if to := resp.Header.Get("Location"); to != "" {
			e.Message += ", to " + to
		}
		return e
	}
	e.Code, e.Message, e.Detail = envelope.Error.Code, envelope.Error.Message, envelope.Error.Detail
	return e
}

// readFault makes the Error of an error event.
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
		return fmt.Errorf("an error event that is not the expected JSON: %w", err)
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

// gaveUp is the error of trying again in vain.
func gaveUp(after time.Duration, err error) error {
	return fmt.Errorf("gave up after %s: %w", after, err)
}

// retryAfter reads the header's whole seconds; the server sends no dates.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
