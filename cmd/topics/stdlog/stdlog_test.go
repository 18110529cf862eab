package stdlog

import (
	"io"
	"log"
	"testing"
)

func TestQuiet(t *testing.T) {
	if log.Writer() != io.Discard {
		t.Error("the standard logger still prints")
	}
}
