package socket

import (
	"slices"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/scan"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
)

// opNames are the ops of all commands.
const opNames = "subscribe, unsubscribe, publish, claim, ack, nack, extend, work, stop, ping"

// maxRequestID is the longest request_id, as it stands in the message.
const maxRequestID = 256

// command is the part that all messages of clients have.
type command struct {
	op string
	// id is the request_id verbatim, or nil; it aliases the message.
	id []byte
}

// decodeCommand reads a message's op and request_id. The id is there also with
// an error, if it could be read. No error means that the message is JSON
// through and through.
func decodeCommand(message []byte) (command, error) {
	var cmd command
	f := wire.ReadFields(message, nil) // the op says which fields there are
	f.Enter("the message")
	for f.Field() { // also past a value that is refused: the id may follow
		switch name := f.Name(); {
		case f.Null():
		case string(name) == "op" && isKind(&f, scan.KindString, "op"):
			cmd.op = f.ReadString("op")
		case string(name) == "request_id":
			cmd.id = readRequestID(&f)
		default:
			f.Skip()
		}
	}
	if err := f.Finish(); err != nil {
		return cmd, err
	}
	if cmd.op == "" {
		return cmd, wire.InvalidField("op", "is needed: one of %s", opNames)
	}
	return cmd, nil
}

// isKind refuses a value that is not of the kind, and does not step over it.
func isKind(f *wire.Fields, want scan.Kind, name string) bool {
	got := f.Kind()
	if got != want {
		f.Refuse(name, "expected %s, found %s", want, got)
	}
	return got == want
}

// readRequestID reads a string or a number as it stands.
func readRequestID(f *wire.Fields) []byte {
	kind := f.Kind()
	id, _ := f.Raw()
	switch {
	case kind != scan.KindString && kind != scan.KindNumber:
		f.Refuse("request_id", "expected a string or a number, found %s", kind)
		return nil
	case len(id) > maxRequestID:
		f.Refuse("request_id", "has %d bytes; at most %d are allowed", len(id), maxRequestID)
		return nil
	}
	return id
}

// The fields of the commands, by op.
var (
	commandFields     = []string{"op", "request_id"}
	publishFields     = slices.Concat(commandFields, []string{"topic", "return_seqs"}, request.WriteFields)
	subscribeFields   = slices.Concat(commandFields, []string{"topic", "lenient"}, request.StartFields, request.WatchFields)
	unsubscribeFields = slices.Concat(commandFields, []string{"topic", "topics", "prefixes"})
)

// checkPing notes what a ping has beside its op and its request_id.
func checkPing(message []byte, notes *wire.Notices) error {
	f := wire.ReadFields(message, notes)
	f.Enter("the message")
	for f.NextField() {
		if !f.Absent(commandFields) {
			f.Unknown(commandFields)
		}
	}
	return f.Finish()
}

// publishCommand is a publish: a write, and where it goes.
type publishCommand struct {
	topic string
	seqs  bool // return_seqs
	write request.WriteRequest
}

// decodePublish reads a publish into p, which has nothing but the array for the
// records. These alias the message.
func decodePublish(p *publishCommand, message []byte, l *wire.Limits, notes *wire.Notices) error {
	p.seqs = true
	err := p.write.DecodeBeside(message, l, notes, request.Beside{Known: publishFields, Read: func(f *wire.Fields) {
		switch string(f.Name()) {
		case "op", "request_id": // decodeCommand has them
			f.Skip()
		case "topic":
			p.topic = f.ReadString("topic")
		case "return_seqs":
			p.seqs = f.ReadBool("return_seqs")
		default:
			f.Unknown(publishFields)
		}
	}})
	if err != nil {
		return err
	}
	return checkName(p.topic)
}

// subscribeCommand is a subscribe: a watch.
type subscribeCommand struct {
	*request.Watch
	lenient bool // topics that do not exist are left out
}

// decodeSubscribe reads what a subscribe wants: a watch's fields, and for a
// single topic its name with from_seq or tail beside it.
func decodeSubscribe(message []byte, l *wire.Limits, notes *wire.Notices) (*subscribeCommand, error) {
	cmd := &subscribeCommand{Watch: request.NewWatch()}
	var topic string
	var at watch.Start
	f := wire.ReadFields(message, notes)
	f.Enter("the message")
	for f.NextField() {
		switch name := string(f.Name()); {
		case f.Absent(subscribeFields):
		case name == "topic":
			topic = f.ReadString(name)
		case name == "lenient":
			cmd.lenient = f.ReadBool(name)
		case !request.ReadStartField(&f, name, &at) && !request.ReadWatchField(&f, name, cmd.Watch, l):
			f.Unknown(subscribeFields)
		}
	}
	request.CheckStart(&f, &at)
	if err := f.Finish(); err != nil {
		return nil, err
	}
	if topic != "" {
		cmd.Topics[topic] = at
		return cmd, checkName(topic)
	}
	if len(cmd.Topics)+len(cmd.Prefixes) == 0 {
		return nil, wire.InvalidField("topic", "is needed, or topics or prefixes")
	}
	return cmd, nil
}

// checkName checks the name of a topic in a message.
func checkName(name string) error {
	if name == "" {
		return wire.InvalidField("topic", "is needed")
	}
	if err := record.CheckName(name); err != nil {
		return err
	}
	return nil
}

// decodeUnsubscribe reads the names of an unsubscribe: topic, and topics and
// prefixes as arrays or as the maps that subscribe takes.
func decodeUnsubscribe(message []byte, most int, notes *wire.Notices) (names, prefixes []string, err error) {
	f := wire.ReadFields(message, notes)
	f.Enter("the message")
	for f.NextField() {
		if f.Absent(unsubscribeFields) {
			continue
		}
		switch string(f.Name()) {
		case "topic":
			names = append(names, f.ReadString("topic"))
		case "topics":
			names = readNames(&f, "topics", names, most)
		case "prefixes":
			prefixes = readNames(&f, "prefixes", prefixes, most)
		default:
			f.Unknown(unsubscribeFields)
		}
	}
	if err := f.Finish(); err != nil {
		return nil, nil, err
	}
	if len(names)+len(prefixes) == 0 {
		return nil, nil, wire.InvalidField("topic", "is needed, or topics or prefixes")
	}
	return names, prefixes, nil
}

// readNames reads an array of short strings, or the field names of an object.
func readNames(f *wire.Fields, name string, into []string, most int) []string {
	next, read := f.NextElement, func() string { return f.ReadString(name) }
	if f.Kind() == scan.KindObject {
		f.Object()
		next, read = f.NextField, func() string {
			key := string(f.Name())
			f.Skip()
			return key
		}
	} else if f.Array(); !f.Check(name) {
		return into
	}
	for next() {
		if len(into) >= most {
			f.Refuse(name, "at most %d are allowed", most)
			break
		}
		into = append(into, read())
	}
	return into
}
