package remote

import (
	"bytes"
	"errors"
	"testing"
)

func TestOutageIsToldOnce(t *testing.T) {
	var told bytes.Buffer
	o := &Outage{W: &told, Command: "load"}
	o.Over()
	for range 2 {
		o.Failed(errors.New("refused"))
		o.Failed(errors.New("refused"))
		o.Over()
		o.Over()
	}
	const once = "load: waiting for the server: refused\nload: the server is back\n"
	if told.String() != once+once {
		t.Errorf("told %q", told.String())
	}
}
