package socket

import (
	"encoding/json"
	"strconv"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

// beginMessage opens a message of the server: its op, and the request_id that
// it answers, if any.
func beginMessage(b []byte, op string, id []byte) []byte {
	b = append(append(append(b, `{"op":"`...), op...), '"')
	if id != nil {
		b = append(append(b, `,"request_id":`...), id...)
	}
	return b
}

// appendTopic adds the topic a message is about; a checked name needs no
// escapes.
func appendTopic(b []byte, topic string) []byte {
	return append(append(append(b, `,"topic":"`...), topic...), '"')
}

func appendSeq(b []byte, field string, seq uint64) []byte {
	b = append(append(append(b, `,"`...), field...), `":`...)
	return strconv.AppendUint(b, seq, 10)
}

// pongMessage answers a ping.
func pongMessage(id []byte, notes *wire.Notices) []byte {
	return endMessage(beginMessage(nil, "pong", id), notes)
}

// endMessage closes a message, with the warnings if there are any.
func endMessage(b []byte, notes *wire.Notices) []byte {
	if notes.Len() > 0 {
		b = notes.AppendTo(append(b, ','))
		b = b[:len(b)-1] // the comma after them
	}
	return append(b, '}')
}

// appendAck answers a publish: with what the write's answer over HTTP says.
func appendAck(b []byte, p *publish) []byte {
	b = append(beginMessage(b, "ack", p.id), ',')
	b = render.Written(b, p.topic, &p.done, p.seqs)
	b = p.notes.AppendTo(append(b, ','))
	return append(wire.AppendSpent(b, p.began, wire.CostWrite, &p.done.Cost), '}')
}

// subscribedMessage answers a subscribe with where each topic begins.
func subscribedMessage(id []byte, positions map[string]watch.Position, notes *wire.Notices) []byte {
	topics, err := json.Marshal(session.ViewPositions(positions))
	if err != nil {
		panic(err) // numbers by their names
	}
	b := append(beginMessage(nil, "subscribed", id), `,"topics":`...)
	return endMessage(append(b, topics...), notes)
}

// unsubscribedMessage answers an unsubscribe with what is not followed any
// more.
func unsubscribedMessage(id []byte, names, prefixes []string, notes *wire.Notices) []byte {
	b := beginMessage(nil, "ack", id)
	b = appendNames(append(b, `,"topics":`...), names)
	if len(prefixes) > 0 {
		b = appendNames(append(b, `,"prefixes":`...), prefixes)
	}
	return endMessage(b, notes)
}

func appendNames(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = render.String(b, []byte(name))
	}
	return append(b, ']')
}

// errorMessage renders an error: with the command of the request_id, with
// a topic that is followed, or with the socket as a whole.
func errorMessage(id []byte, topic string, e *wire.Error) []byte {
	b := beginMessage(nil, "error", id)
	if topic != "" {
		b = appendTopic(b, topic)
	}
	b = append(append(append(b, `,"code":"`...), e.Code...), `","message":`...)
	b = render.String(b, []byte(e.Message))
	if len(e.Detail) > 0 {
		if detail, err := json.Marshal(e.Detail); err == nil { // strings, numbers and bools
			b = append(append(b, `,"detail":`...), detail...)
		}
	}
	return append(b, '}')
}
