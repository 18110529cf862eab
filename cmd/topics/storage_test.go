package main

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
)

func TestStorageError(t *testing.T) {
	other := errors.New("other")
	full := topics.Error{Kind: topics.KindNoSpace, Message: "the disk is full"}
	for err, want := range map[error]topics.Error{
		syscall.ENOSPC: full, syscall.EDQUOT: full, wal.ErrDiskFull: full,
		wal.ErrReadOnly: {Kind: topics.KindReadOnly, Message: "the log is read-only"},
		wal.ErrNoFile:   {Kind: topics.KindUnavailable, Message: "the log cannot make its next file at the moment"},
		wal.ErrClosed:   {Kind: topics.KindClosed, Message: "the server is shutting down"},
		other:           {},
	} {
		got := storageError(fmt.Errorf("checkpoint: %w", err))
		known := new(topics.Error)
		if errors.As(got, &known); known.Kind != want.Kind || known.Message != want.Message || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if storageError(nil) != nil {
		t.Error("no error is one")
	}
}
