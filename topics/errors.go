package topics

import (
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Kind says what went wrong, in the terms a caller can act on. One place
// outside this package maps kinds to the wire.
type Kind uint8

// Every kind of error this package returns.
const (
	KindInvalid        Kind = iota + 1 // a value breaks a rule; the message names it
	KindBatchTooLarge                  // more records in a write than allowed
	KindRecordTooLarge                 // one record, or a write larger than the topic's cap
	KindNotFound                       // no such topic
	KindIncompatible                   // an immutable part of the config would change
	KindNotEmpty                       // delete with if_empty, and there are live records
	KindSeqMismatch                    // expected_head_seq is not the head
	KindFull                           // the topic is at its cap and rejects
	KindThrottled                      // a limit or the log's bounded queue: retry later
	KindReadOnly                       // the log failed a write or a sync; reads go on
	KindUnavailable                    // the log has no room until it can make a file: retry later; nothing was appended
	KindNoSpace                        // the disk (or a memory budget) is full; nothing was appended
	KindClosed                         // the server is going down
	KindDamaged                        // stored bytes failed their checksum on read
	KindRouterNotFound                 // no such router
	KindRouterCycle                    // the router would close a cycle; the detail has it
	KindRouterFanout                   // with the router, a record could take too many ways
)

// Error is every error this package returns to its callers.
type Error struct {
	Kind    Kind
	Message string
	// Detail is what a program can use of the error: names, limits, heads.
	// May be nil. Values are strings, numbers and bools.
	Detail map[string]any
	// Err is the cause, if another package's error stands behind it.
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

func invalidf(format string, a ...any) *Error {
	return &Error{Kind: KindInvalid, Message: fmt.Sprintf(format, a...)}
}

// invalidField is a bad value of one field; detail.field names it.
func invalidField(field, format string, a ...any) *Error {
	e := invalidf("%s: %s", field, fmt.Sprintf(format, a...))
	e.Detail = map[string]any{"field": field}
	return e
}

func notFound(topic string) *Error {
	return &Error{
		Kind:    KindNotFound,
		Message: fmt.Sprintf("topic %q does not exist", topic),
		Detail:  map[string]any{"topic": topic},
	}
}

// errDamaged stands before what a segment says of its damage.
var errDamaged = errors.New("topics: damaged segment")

// segmentError tells a segment's damage from the disk's own errors.
func segmentError(err error) error {
	if damage := new(segment.DamageError); errors.As(err, &damage) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// logError gives the log's refusals this package's words.
func logError(err error) error {
	switch {
	case err == nil, errors.Is(err, wal.ErrBusy):
		return err
	case errors.Is(err, wal.ErrQueueFull):
		return &Error{Kind: KindThrottled, Message: "the log's queue is full", Err: err,
			Detail: map[string]any{"retry_after_ms": 1000}}
	case errors.Is(err, wal.ErrDiskFull):
		return &Error{Kind: KindNoSpace, Message: "the disk is full; nothing was appended", Err: err}
	case errors.Is(err, wal.ErrNoFile):
		return &Error{Kind: KindUnavailable, Message: "the log cannot make its next file at the moment; nothing was appended", Err: err,
			Detail: map[string]any{"retry_after_ms": 1000}}
	case errors.Is(err, wal.ErrReadOnly):
		return &Error{Kind: KindReadOnly, Message: "the log is read-only", Err: err}
	case errors.Is(err, vfs.ErrBusy):
		return &Error{Kind: KindReadOnly, Message: "the disk does not answer: reads wait for others", Err: err}
	case errors.Is(err, wal.ErrClosed), errors.Is(err, errMoved):
		return &Error{Kind: KindClosed, Message: "the server is shutting down", Err: err}
	case errors.Is(err, wal.ErrTooLarge):
		return &Error{Kind: KindBatchTooLarge, Message: "the write is larger than the log can hold", Err: err}
	}
	if errors.Is(err, errDamaged) {
		return &Error{Kind: KindDamaged, Message: "stored records are damaged", Err: err}
	}
	var corrupt *wal.CorruptionError
	if errors.As(err, &corrupt) {
		return &Error{Kind: KindDamaged, Message: "stored records are damaged", Err: err}
	}
	return err
}
