package api

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refusalCodes are the error codes of requests that net/http refuses by itself.
var refusalCodes = map[int]string{
	http.StatusBadRequest:                  "invalid_request",
	http.StatusExpectationFailed:           "invalid_request",
	http.StatusRequestHeaderFieldsTooLarge: "header_too_large",
	http.StatusNotImplemented:              "not_implemented",
	http.StatusHTTPVersionNotSupported:     "http_version_not_supported",
}

// refuseRaw renders the answer, with its status line and header, to a request that
// net/http refused. The connection is closed after it.
func (s *Server) refuseRaw(status int, message string) []byte {
	code, ok := refusalCodes[status]
	if !ok {
		code = "invalid_request"
	}
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		message = fmt.Sprintf("the header is larger than %d bytes", s.opts.Limits.MaxHeader)
	case status == http.StatusExpectationFailed:
		message = "Expect: only 100-continue is supported"
	case message == "":
		message = "the request is malformed"
	}
	quoted, _ := json.Marshal(message) // a string never fails
	body := fmt.Sprintf(`{"error":{"code":%q,"message":%s},"performance":{"server_total_ms":0}}`, code, quoted)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}
