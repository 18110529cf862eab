package socket

import (
	"bytes"
	"testing"

	"github.com/e6e95bb8/topics/api/scan"
	"github.com/e6e95bb8/topics/api/wire"
)

// FuzzCommand holds that no message upsets the decoders, that a command which
// is understood is JSON, and that whatever is said in answer is JSON, too.
func FuzzCommand(f *testing.F) {
	for _, message := range []string{
		`{"op":"ping","request_id":"a"}`, `{"request_id":-1.5e3,"op":"ping"}`, `{"op":5,"request_id":"\ud800"}`,
		`{"op":"publish","topic":"t","return_seqs":false,"records":[{"data":{},"tag":"x"}],"request_id":1}`,
		`{"op":"subscribe","topic":"t","from_seq":5,"lenient":true}`,
		`{"op":"subscribe","topics":{"a":{"tail":true},"b":null},"prefixes":{"":{}},"match":["tag","Glob","x*"],"node":["a"]}`,
		`{"op":"unsubscribe","topics":["a"],"prefixes":{"b":{}}}`, `{"op":"x`, `[]`, ``, "\xff",
	} {
		f.Add([]byte(message))
	}
	l := wire.DefaultLimits()
	f.Fuzz(func(t *testing.T, message []byte) {
		before := bytes.Clone(message)
		cmd, err := decodeCommand(message)
		if valid := scan.Valid(message) == nil; err == nil && !valid {
			t.Fatalf("%q is understood", message)
		}
		if len(cmd.id) > maxRequestID || cmd.id != nil && !bytes.Contains(message, cmd.id) {
			t.Fatalf("%q has the id %q", message, cmd.id)
		}
		answer := func(b []byte) {
			if err := scan.Valid(b); err != nil {
				t.Fatalf("%q is answered %q: %v", message, b, err)
			}
		}
		answer(pongMessage(cmd.id, new(wire.Notices)))
		if err != nil {
			answer(errorMessage(cmd.id, "", wire.ErrorOf(err)))
		}
		if err := decodePublish(new(publishCommand), message, &l, nil); err != nil {
			answer(errorMessage(cmd.id, "", wire.ErrorOf(err)))
		}
		if w, err := decodeSubscribe(message, &l, nil); err != nil {
			answer(errorMessage(cmd.id, "", wire.ErrorOf(err)))
		} else if len(w.Topics)+len(w.Prefixes) == 0 || len(w.Topics) > l.MaxWatchTopics+1 {
			t.Fatalf("%q subscribes %d topics and %d prefixes", message, len(w.Topics), len(w.Prefixes))
		}
		if names, prefixes, err := decodeUnsubscribe(message, 10, nil); err != nil {
			answer(errorMessage(cmd.id, "", wire.ErrorOf(err)))
		} else {
			answer(unsubscribedMessage(cmd.id, names, prefixes, new(wire.Notices)))
		}
		if !bytes.Equal(message, before) {
			t.Fatalf("%q was changed to %q", before, message)
		}
	})
}
