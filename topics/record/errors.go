package record

import "fmt"

// Kind classifies errors by what a caller can do about them. One place
// in api maps kinds to the wire.
type Kind uint8

// Every kind of error.
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
	KindNoSpace                        // the disk is full; nothing was appended
	KindClosed                         // the server is going down
	KindDamaged                        // stored bytes failed their checksum on read
	KindRouterNotFound                 // no such router
	KindRouterCycle                    // the router would close a cycle; the detail has it
	KindRouterFanout                   // with the router, a record could take too many ways
	KindNotQueue                       // the topic is a log
	KindKeyLive                        // a job with that unique key is live; detail.seq is it
	KindNothingAcked                   // an ack with records to follow ended no job
)

// Error is every error that topics returns to its callers.
type Error struct {
	Kind    Kind
	Message string
	// Detail has the values of the error for programs: names, limits, heads.
	// May be nil. Values are strings, numbers and bools.
	Detail map[string]any
	// Err is the cause, if it is an error of another package.
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

func Invalid(format string, a ...any) *Error {
	return &Error{Kind: KindInvalid, Message: fmt.Sprintf(format, a...)}
}

// InvalidField is a bad value of one field; detail.field names it.
func InvalidField(field, format string, a ...any) *Error {
	e := Invalid("%s: %s", field, fmt.Sprintf(format, a...))
	e.Detail = map[string]any{"field": field}
	return e
}

func NotFound(topic string) *Error {
	return &Error{
		Kind:    KindNotFound,
		Message: fmt.Sprintf("topic %q does not exist", topic),
		Detail:  map[string]any{"topic": topic},
	}
}
