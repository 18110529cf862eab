package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckMessage returns an error unless both documents describe the message,
// which the server sends over a WebSocket.
func (d *Document) CheckMessage(message []byte) error {
	var head struct{ Op string }
	if err := json.Unmarshal(message, &head); err != nil {
		return fmt.Errorf("message %.2000s: %w", message, err)
	}
	op := object(d.root, "paths", "/v0/ws", "get")
	return d.checkPart(part{"message", op, object(op, "x-server-messages"), "send."}, head.Op, message)
}

// CheckEvent returns an error unless both documents describe the event of the
// stream at a path, percent-encoded as it was sent.
func (d *Document) CheckEvent(path, name string, data []byte) error {
	op, _ := d.Operation(http.MethodGet, path)
	events := object(op, "responses", "200", "content", "text/event-stream", "x-events")
	return d.checkPart(part{"event", op, events, ""}, name, data)
}

// part is what an operation sends beside an answer.
type part struct {
	what   string // for errors
	op     map[string]any
	all    map[string]any // its schemas by name
	prefix string         // of the names in the AsyncAPI document
}

func (d *Document) checkPart(p part, name string, body []byte) error {
	schema := object(p.all, name)
	if schema == nil {
		return fmt.Errorf("the OpenAPI document has no %s %q: %.2000s", p.what, name, body)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		_, pointer := d.resolve(schema, "")
		err = d.Valid(pointer, v)
	}
	if err != nil {
		return fmt.Errorf("%s %.2000s, which the OpenAPI document does not describe: %w", p.what, body, err)
	}
	id, _ := p.op["operationId"].(string)
	err = loadStreams().Valid("/components/messages/"+escape(id+"."+p.prefix+name)+"/payload", v)
	if err != nil {
		return fmt.Errorf("%s %.2000s, which the AsyncAPI document does not describe: %w", p.what, body, err)
	}
	return nil
}
