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
	for err, want := range map[error]topics.Kind{
		syscall.ENOSPC: topics.KindNoSpace, syscall.EDQUOT: topics.KindNoSpace,
		wal.ErrReadOnly: topics.KindReadOnly, wal.ErrClosed: topics.KindClosed, other: 0,
	} {
		got := storageError(fmt.Errorf("checkpoint: %w", err))
		known := new(topics.Error)
		if errors.As(got, &known); known.Kind != want || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if storageError(nil) != nil {
		t.Error("no error is one")
	}
}
