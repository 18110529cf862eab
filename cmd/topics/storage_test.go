package main

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

func TestStorageError(t *testing.T) {
	other := errors.New("other")
	full := record.Error{Kind: record.KindNoSpace, Message: "the disk is full"}
	for err, want := range map[error]record.Error{
		syscall.ENOSPC: full, syscall.EDQUOT: full, wal.ErrDiskFull: full,
		wal.ErrReadOnly: {Kind: record.KindReadOnly, Message: "the log is read-only"},
		wal.ErrNoFile:   {Kind: record.KindUnavailable, Message: "the log cannot make its next file at the moment"},
		wal.ErrClosed:   {Kind: record.KindClosed, Message: "the server is shutting down"},
		other:           {},
	} {
		got := storageError(fmt.Errorf("checkpoint: %w", err))
		known := new(record.Error)
		if errors.As(got, &known); known.Kind != want.Kind || known.Message != want.Message || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if storageError(nil) != nil {
		t.Error("no error is one")
	}
}
