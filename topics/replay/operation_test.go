package replay

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/topic"
)

// TestEveryEntryHasAnOperation checks that replay and repair know what each
// entry of the log does, and that a topic's operation names the topic of its
// entry.
func TestEveryEntryHasAnOperation(t *testing.T) {
	for typ := range 256 {
		e := entry.New(entry.Type(typ))
		if e == nil {
			continue
		}
		op := operationOf(e)
		if op == nil {
			t.Errorf("a %s entry does nothing", e.Type())
			continue
		}
		if on, ok := op.(topic.Operation); ok && (on.Type() != e.Type() || on.Topic() != 0) {
			t.Errorf("the operation of a %s entry is one of %s", e.Type(), on.Type())
		}
	}
}
