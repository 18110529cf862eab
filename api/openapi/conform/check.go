package conform

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// Answer is the answer to a request.
type Answer struct {
	Method, Path string // as sent; Path without the query
	Status       int
	Header       http.Header
	Body         []byte
}

// statusClientGone is the status recorded if the client has disconnected.
const statusClientGone = 499

// Check returns an error unless the document describes the answer: its status,
// media type, required headers, and JSON body.
func (d *Document) Check(a *Answer) error {
	if err := d.check(a); err != nil {
		return fmt.Errorf("%s %s answers %d %.2000s, which the OpenAPI document does not describe: %w",
			a.Method, a.Path, a.Status, a.Body, err)
	}
	return nil
}

func (d *Document) check(a *Answer) error {
	op, pointer := d.Operation(a.Method, a.Path)
	switch {
	case a.Status == statusClientGone:
		return nil
	case op == nil || a.Status == http.StatusNotFound && elsewhere(a):
		return d.checkStray(a)
	}
	status := strconv.Itoa(a.Status)
	response := object(op, "responses", status)
	if response == nil {
		return fmt.Errorf("no response with this status")
	}
	response, pointer = d.resolve(response, pointer+"/responses/"+status)
	for name, v := range object(response, "headers") {
		header, _ := v.(map[string]any)
		if header, _ = d.resolve(header, ""); header["required"] == true && a.Header.Get(name) == "" {
			return fmt.Errorf("no header %s", name)
		}
	}
	content := object(response, "content")
	if len(content) == 0 {
		if len(a.Body) > 0 {
			return fmt.Errorf("no body is described")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type %q: %w", a.Header.Get("Content-Type"), err)
	}
	if content[media] == nil {
		return fmt.Errorf("no Content-Type %s", media)
	}
	if media != "application/json" || a.Method == http.MethodHead {
		return nil
	}
	return d.checkBody(a, pointer+"/content/"+escape(media)+"/schema")
}

// elsewhere reports whether the answer is for a route that is not on this
// listener: the routes for operators may have a listener of their own, and then
// each listener lacks the routes of the other.
func elsewhere(a *Answer) bool {
	return a.Method == http.MethodHead || bytes.Contains(a.Body, []byte(`"message":"no such route"`))
}

// checkStray checks the answer for a route that does not exist, or not for this
// method.
func (d *Document) checkStray(a *Answer) error {
	known := d.Known(a.Path)
	switch {
	case known && (a.Status == http.StatusMethodNotAllowed || a.Method == http.MethodOptions && a.Status == http.StatusNoContent):
		if a.Header.Get("Allow") == "" {
			return fmt.Errorf("no header Allow")
		}
	case known && a.Method == http.MethodOptions && a.Status == http.StatusServiceUnavailable: // of /, until it is ready
	case a.Status == http.StatusNotFound, a.Status == http.StatusUnauthorized:
	default:
		return fmt.Errorf("no such route")
	}
	if len(a.Body) == 0 && (a.Method == http.MethodHead || a.Status == http.StatusNoContent) {
		return nil
	}
	return d.checkBody(a, "/components/schemas/Problem")
}

func (d *Document) checkBody(a *Answer, pointer string) error {
	body, err := plain(a.Header.Get("Content-Encoding"), a.Body)
	if err != nil {
		return err
	}
	return d.validate(pointer, body)
}

// plain decompresses a body.
func plain(coding string, body []byte) ([]byte, error) {
	switch coding {
	case "":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "zstd":
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return z.DecodeAll(body, nil)
	}
	return nil, fmt.Errorf("Content-Encoding %q", coding)
}
