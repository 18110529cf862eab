package main

import (
	"context"
	"errors"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// An interrupted tail has printed all records only if it was following.
func TestStoppedTail(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, follow := range []bool{false, true} {
		c := &tailCmd{Topic: "t", Follow: follow, Flags: remote.Flags{URL: "http://127.0.0.1:1"}}
		if err := c.Run(ctx); errors.Is(err, context.Canceled) == follow || follow && err != nil {
			t.Errorf("following %t: %v", follow, err)
		}
	}
}
