package http1

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

const (
	// maxFields is how many header fields a request of the subset may have.
	maxFields = 48
	// maxBody is the largest body of a request of the subset. It is what net/http
	// takes in of a body that no handler reads, so that early answers to larger ones
	// are net/http's matter alone.
	maxBody = 256 << 10
)

// head is the header of a request of the subset. Its strings are parts of text.
type head struct {
	text   string // what it was parsed from; "" if that was not of the subset
	method string
	target string
	host   string
	length int64 // of the body
	close  bool  // the client wants no further answer
	fields []field
	url    url.URL // of the target
}

// field is a header field. Its name is canonical.
type field struct{ name, value string }

// parse reads a header without the empty line at its end, and reports whether it
// belongs to the subset. What does not is not necessarily wrong: net/http decides
// that.
func (h *head) parse(text string) bool {
	clear(h.fields)
	*h = head{fields: h.fields[:0]}
	if !h.parseLines(text) || !parseTarget(h.target, &h.url) {
		return false
	}
	h.text = text
	return true
}

// parseLines parses the request line and the fields.
func (h *head) parseLines(text string) bool {
	line, rest, ok := cutLine(text)
	if !ok || !h.parseLine(line) {
		return false
	}
	var lengths, connections int
	for rest != "" {
		line, rest, ok = cutLine(rest)
		if !ok || len(h.fields) == maxFields {
			return false
		}
		f, ok := parseField(line)
		if !ok {
			return false
		}
		switch f.name {
		case "Host":
			if h.host != "" || !plainHost(f.value) {
				return false
			}
			h.host = f.value
			continue
		case "Content-Length":
			if lengths++; lengths > 1 || !h.parseLength(f.value) {
				return false
			}
		case "Connection":
			if connections++; connections > 1 || !h.parseConnection(f.value) {
				return false
			}
		case "Transfer-Encoding", "Upgrade", "Expect", "Trailer", "Te", "Http2-Settings", "Pragma":
			return false
		}
		h.fields = append(h.fields, f)
	}
	return h.host != ""
}

// cutLine cuts off a line with its end, which must be CR LF.
func cutLine(text string) (line, rest string, ok bool) {
	i := strings.IndexByte(text, '\n')
	if i < 1 || text[i-1] != '\r' {
		return "", "", false
	}
	return text[:i-1], text[i+1:], true
}

// parseLine parses the request line.
func (h *head) parseLine(line string) bool {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodOptions:
	default:
		return false
	}
	if version != "HTTP/1.1" || target == "" || target[0] != '/' || !all(target, visible) {
		return false
	}
	h.method, h.target = method, target
	return true
}

// parseField parses a header field.
func parseField(line string) (field, bool) {
	name, value, found := strings.Cut(line, ":")
	if !found || name == "" {
		return field{}, false
	}
	canonical, start := true, true
	for i := range len(name) {
		c := class[name[i]]
		if c&token == 0 {
			return field{}, false
		}
		if c&lower != 0 && start || c&upper != 0 && !start {
			canonical = false
		}
		start = name[i] == '-'
	}
	if !canonical {
		name = textproto.CanonicalMIMEHeaderKey(name)
	}
	value = strings.Trim(value, " \t")
	return field{name, value}, all(value, text)
}

// parseLength parses the length of the body.
func (h *head) parseLength(value string) bool {
	if value == "" || len(value) > 6 || value[0] == '0' && value != "0" {
		return false
	}
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
		h.length = 10*h.length + int64(value[i]-'0')
	}
	return h.length <= maxBody
}

// parseConnection parses the Connection field.
func (h *head) parseConnection(value string) bool {
	h.close = strings.EqualFold(value, "close")
	return h.close || strings.EqualFold(value, "keep-alive")
}

// plainHost reports whether a Host is a name or an address, with or without a
// port.
func plainHost(host string) bool { return host != "" && all(host, hostly) }

// parseTarget sets u to what url.ParseRequestURI returns for the target, and
// reports whether the target is valid.
func parseTarget(target string, u *url.URL) bool {
	path, query, found := strings.Cut(target, "?")
	if !all(path, pathly) || strings.HasPrefix(path, "//") || found && query == "" {
		parsed, err := url.ParseRequestURI(target)
		if err != nil {
			return false
		}
		*u = *parsed
		return true
	}
	*u = url.URL{Path: path, RawQuery: query}
	return true
}

// Classes of bytes.
const (
	token   = 1 << iota // of header names
	upper               // letters
	lower               // letters
	visible             // of targets
	text                // of header values
	hostly              // of hosts
	pathly              // of paths that stand for themselves
)

// class has the classes of each byte.
var class = func() (table [256]uint8) {
	set := func(bytes string, c uint8) {
		for i := range len(bytes) {
			table[bytes[i]] |= c
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyz"
	const alphanumeric = letters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for c := byte('!'); c <= '~'; c++ {
		table[c] |= visible | text
	}
	set(" \t", text)
	set(letters, lower)
	set(strings.ToUpper(letters), upper)
	set(alphanumeric, token|hostly|pathly)
	set("!#$%&'*+-.^_`|~", token)
	set(".-_:[]", hostly)
	set("/-_.~$&+,:;=@", pathly)
	return table
}()

// all reports whether all bytes are of a class.
func all(s string, c uint8) bool {
	for i := range len(s) {
		if class[s[i]]&c == 0 {
			return false
		}
	}
	return true
}
