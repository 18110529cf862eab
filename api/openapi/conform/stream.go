package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckMessage returns an error unless the document describes the message,
// which the server sends over a WebSocket.
func (d *Document) CheckMessage(message []byte) error {
	var head struct{ Op string }
	if err := json.Unmarshal(message, &head); err != nil {
		return fmt.Errorf("message %.2000s: %w", message, err)
	}
	messages := object(d.root, "paths", "/v0/ws", "get", "x-server-messages")
	return d.checkPart("message", messages, head.Op, message)
}

// CheckEvent returns an error unless the document describes the event of the
// stream at a path, percent-encoded as it was sent.
func (d *Document) CheckEvent(path, name string, data []byte) error {
	op, _ := d.Operation(http.MethodGet, path)
	events := object(op, "responses", "200", "content", "text/event-stream", "x-events")
	return d.checkPart("event", events, name, data)
}

func (d *Document) checkPart(what string, parts map[string]any, name string, body []byte) error {
	part := object(parts, name)
	if part == nil {
		return fmt.Errorf("the OpenAPI document has no %s %q: %.2000s", what, name, body)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		_, pointer := d.resolve(part, "")
		err = d.Valid(pointer, v)
	}
	if err != nil {
		return fmt.Errorf("%s %.2000s, which the OpenAPI document does not describe: %w", what, body, err)
	}
	return nil
}
