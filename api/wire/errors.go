package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// Error is an error as a client sees it. Every error that reaches the wire is
// an Error: ErrorOf makes them of what the layers below return.
type Error struct {
	Status     int
	Code       string
	Message    string
	Detail     map[string]any // optional: what a program can use
	Report     any            // optional: rendered as the detail instead of Detail
	RetryAfter time.Duration  // 429 and 503: at least a second is sent anyway
	Allow      string         // 405: the methods the path has
	Err        error          // the cause, for the log only
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Details returns what is rendered as the detail, or nil.
func (e *Error) Details() any {
	switch {
	case e.Report != nil:
		return e.Report
	case len(e.Detail) > 0:
		return e.Detail
	}
	return nil
}

// StatusClientGone is the status that is counted when a client left before its
// answer. It is never sent.
const StatusClientGone = 499

// outcome is the status and code of a kind of error.
type outcome struct {
	status int
	code   string
}

// kinds maps the errors of the topics package to the wire. It is the only such
// map. Damage is the only kind that no client can cause.
var kinds = map[record.Kind]outcome{
	record.KindInvalid:        {http.StatusBadRequest, "invalid_request"},
	record.KindBatchTooLarge:  {http.StatusBadRequest, "batch_too_large"},
	record.KindRecordTooLarge: {http.StatusBadRequest, "record_too_large"},
	record.KindNotFound:       {http.StatusNotFound, "topic_not_found"},
	record.KindRouterNotFound: {http.StatusNotFound, "router_not_found"},
	record.KindRouterCycle:    {http.StatusConflict, "router_cycle"},
	record.KindRouterFanout:   {http.StatusConflict, "router_fanout"},
	record.KindIncompatible:   {http.StatusConflict, "topic_exists_incompatible"},
	record.KindNotEmpty:       {http.StatusConflict, "topic_not_empty"},
	record.KindSeqMismatch:    {http.StatusConflict, "seq_mismatch"},
	record.KindNotQueue:       {http.StatusConflict, "not_a_queue"},
	record.KindKeyLive:        {http.StatusConflict, "unique_key_live"},
	record.KindNothingAcked:   {http.StatusConflict, "nothing_acked"},
	record.KindFull:           {http.StatusUnprocessableEntity, "topic_full"},
	record.KindThrottled:      {http.StatusTooManyRequests, "throttled"},
	record.KindReadOnly:       {http.StatusServiceUnavailable, "storage_unavailable"},
	record.KindUnavailable:    {http.StatusServiceUnavailable, "storage_unavailable"},
	record.KindClosed:         {http.StatusServiceUnavailable, "shutting_down"},
	record.KindNoSpace:        {http.StatusInsufficientStorage, "insufficient_storage"},
	record.KindDamaged:        {http.StatusInternalServerError, "internal"},
}

// ErrorOf returns err as a client sees it.
func ErrorOf(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var e *record.Error
	if errors.As(err, &e) {
		if w, ok := kinds[e.Kind]; ok {
			return &Error{
				Status: w.status, Code: w.code, Message: e.Message, Detail: e.Detail,
				RetryAfter: retryAfter(e.Detail), Err: e.Err,
			}
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ClientGone(err)
	}
	return &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error", Err: err}
}

// retryAfter returns the wait in the detail of an error of pressure.
func retryAfter(detail map[string]any) time.Duration {
	ms, err := strconv.ParseInt(fmt.Sprint(detail["retry_after_ms"]), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// RetrySeconds rounds up to the whole seconds of a Retry-After header.
func RetrySeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// ClientGone returns the error of a request that ended before its answer.
func ClientGone(err error) *Error {
	return &Error{
		Status: StatusClientGone, Code: "client_closed_request",
		Message: "the request ended before its answer; a write may still have been applied", Err: err,
	}
}

// Invalid returns the error of a bad request.
func Invalid(format string, a ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Message: fmt.Sprintf(format, a...)}
}

// InvalidField returns the error of a bad value of one field, which detail.field
// names.
func InvalidField(field, format string, a ...any) *Error {
	e := Invalid("%s: %s", field, fmt.Sprintf(format, a...))
	e.Detail = map[string]any{"field": field}
	return e
}

// TooLarge returns the error of a batch or record that is too large.
func TooLarge(code, message string, detail map[string]any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: message, Detail: detail}
}

// PayloadTooLarge returns the error of a body of more than limit bytes.
func PayloadTooLarge(limit int64) *Error {
	return &Error{
		Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large",
		Message: fmt.Sprintf("the body is larger than %d bytes", limit),
		Detail:  map[string]any{"max": limit},
	}
}

// UnsupportedMedia returns the error of a body whose type or coding is not supported.
func UnsupportedMedia(format string, a ...any) *Error {
	return &Error{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
		Message: fmt.Sprintf(format, a...),
	}
}

// NoRoute returns the error of a path without a route.
func NoRoute() *Error {
	return &Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such route"}
}

// WrongMethod returns the error of a method that the path does not have. allow
// lists those that it has.
func WrongMethod(method, allow string) *Error {
	return &Error{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Message: fmt.Sprintf("this route does not take %s", method), Allow: allow,
	}
}

// ShuttingDown returns the error of a server that stops.
func ShuttingDown() *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: "shutting_down", Message: "the server is shutting down"}
}

// Partly returns an error with how much was done before it, as a member of its detail:
// that stays done.
func Partly(err error, member string, done int64) error {
	if done == 0 {
		return err
	}
	e := *ErrorOf(err)
	e.Detail = maps.Clone(e.Detail)
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	e.Detail[member] = done
	return &e
}
