package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// another is a header that is not like those of the tests.
const another = "PUT /another?a=b HTTP/1.1\r\nHost: another\r\nX-A: a\r\nX-A: b\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"

// subset makes a request of the first bytes of data as a connection does that has
// had others before, the last of them with the same header. ok is false if they
// are not of the subset.
func subset(data []byte) (r *http.Request, rest []byte, ok bool) {
	c := &conn{server: New(new(http.Server)), work: works.New().(*work)}
	c.blank = http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for _, before := range [][]byte{data, []byte(another), data} {
		c.work.in = before
		c.read()
		c.work.next()
	}
	c.work.in = data
	if !c.read() {
		return nil, nil, false
	}
	return &c.request, c.work.in, true
}

// requests are those that the subset has, and those that it must not have.
var requests = []struct {
	name, text string
	taken      bool
}{
	{"a GET", "GET /v0/topics HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
	{"a POST", "POST /v0/topics/t HTTP/1.1\r\nHost: localhost:4002\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", true},
	{"a query", "GET /v0/topics/t/diff?from_seq=1&a=%20?& HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", true},
	{"escapes in the path", "GET /v0/topics/a%2Fb%3Ac HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
	{"two slashes", "GET //localhost/v0 HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
	{"an empty query", "GET /v0/topics? HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
	{"names in lower case", "GET / HTTP/1.1\r\nhost: localhost\r\naccept-encoding:gzip\r\nx-REQUEST-id: \t1 \r\n\r\n", true},
	{"fields that repeat", "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: a\r\nAccept: b\r\nAuthorization: 1\r\nAuthorization: 2\r\n\r\n", true},
	{"an empty field", "GET / HTTP/1.1\r\nHost: localhost\r\nAccept:\r\n\r\n", true},
	{"close", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Close\r\n\r\n", true},
	{"keep-alive", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", true},
	{"a second request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
	{"the rest of a body missing", "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n{}", true},

	{"nothing", "", false},
	{"a part", "GET / HTTP/1.1\r\nHost: localhost\r\n", false},
	{"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", false},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false},
	{"TLS", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", false},
	{"a whole URL", "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"an asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"another method", "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"a method in lower case", "get / HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"a space in the target", "GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"a malformed escape", "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"a byte that is no ASCII in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
	{"no host", "GET / HTTP/1.1\r\nAccept: a\r\n\r\n", false},
	{"an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", false},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false},
	{"two hosts that are the same", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", false},
	{"a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", false},
	{"a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", false},
	{"LF alone", "GET / HTTP/1.1\nHost: localhost\n\n", false},
	{"LF alone in a line", "GET / HTTP/1.1\r\nAccept: a\nHost: localhost\r\n\r\n", false},
	{"CR alone in a line", "GET / HTTP/1.1\r\nAccept: a\rHost: b\r\nHost: localhost\r\n\r\n", false},
	{"a NUL", "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: a\x00b\r\n\r\n", false},
	{"a folded line", "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: a\r\n b\r\n\r\n", false},
	{"a space after the name", "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", false},
	{"no colon", "GET / HTTP/1.1\r\nHost: localhost\r\nAccept\r\n\r\n", false},
	{"no name", "GET / HTTP/1.1\r\nHost: localhost\r\n: a\r\n\r\n", false},
	{"a chunked body", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"a length and chunks", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"chunks and a length", "POST / HTTP/1.1\r\nHost: localhost\r\ntransfer-encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", false},
	{"a coding with a tab", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", false},
	{"an unknown coding", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n", false},
	{"two lengths", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", false},
	{"two lengths that are the same", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", false},
	{"a list of lengths", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2, 2\r\n\r\n{}", false},
	{"a length with a sign", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}", false},
	{"a negative length", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}", false},
	{"a length with zeros", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 02\r\n\r\n{}", false},
	{"a hexadecimal length", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x2\r\n\r\n{}", false},
	{"an empty length", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n\r\n{}", false},
	{"a large body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 262145\r\n\r\n", false},
	{"a huge length", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551618\r\n\r\n{}", false},
	{"an upgrade", "GET /v0/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	{"an upgrade to HTTP/2", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", false},
	{"a list in Connection", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Host\r\n\r\n", false},
	{"close twice", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nConnection: close\r\n\r\n", false},
	{"keep-alive and close", "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
	{"an expectation", "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", false},
	{"another expectation", "GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\n\r\n", false},
	{"a trailer", "GET / HTTP/1.1\r\nHost: localhost\r\nTrailer: A\r\n\r\n", false},
	{"no cache, in old words", "GET / HTTP/1.1\r\nHost: localhost\r\nPragma: no-cache\r\n\r\n", false},
	{"many fields", "GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n", false},
	{"a long header", "GET / HTTP/1.1\r\nHost: localhost\r\nA: " + strings.Repeat("a", 200<<10) + "\r\n\r\n", false},
}

func TestSubset(t *testing.T) {
	for _, row := range requests {
		data := []byte(row.text)
		if _, _, taken := subset(data[:min(len(data), inputBuffer)]); taken != row.taken {
			t.Errorf("%s: taken is %t", row.name, taken)
		}
		if err := compare(data); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// difference is something of a request that net/http finds otherwise.
type difference struct {
	what      string
	ours, its any
}

func (d *difference) Error() string { return d.what + " differs" }

// compare holds what the subset makes of data against what net/http does.
func compare(data []byte) error {
	ours, rest, ok := subset(bytes.Clone(data))
	if !ok {
		return nil
	}
	in := bufio.NewReaderSize(bytes.NewReader(data), len(data)+16)
	its, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	if its.Header == nil {
		its.Header = http.Header{}
	}
	delete(its.Header, "Host") // the server of net/http does that
	if int64(len(rest)) >= ours.ContentLength {
		body, err := io.ReadAll(its.Body)
		if err != nil {
			return err
		}
		if !bytes.Equal(body, rest[:ours.ContentLength]) {
			return &difference{"the body", rest, body}
		}
		follows, _ := io.ReadAll(in)
		if !bytes.Equal(follows, rest[ours.ContentLength:]) {
			return &difference{"what follows", rest, follows}
		}
	}
	for _, d := range []difference{
		{"the method", ours.Method, its.Method},
		{"the URL", *ours.URL, *its.URL},
		{"the target", ours.RequestURI, its.RequestURI},
		{"the protocol", ours.Proto, its.Proto},
		{"the version", [2]int{ours.ProtoMajor, ours.ProtoMinor}, [2]int{its.ProtoMajor, its.ProtoMinor}},
		{"the header", ours.Header, its.Header},
		{"the host", ours.Host, its.Host},
		{"the length", ours.ContentLength, its.ContentLength},
		{"the end of the connection", ours.Close, its.Close},
		{"whether there is a body", ours.Body == http.NoBody, its.Body == http.NoBody},
		{"the codings", ours.TransferEncoding, its.TransferEncoding},
		{"the trailer", ours.Trailer, its.Trailer},
	} {
		if !reflect.DeepEqual(d.ours, d.its) {
			return &d
		}
	}
	return nil
}

// FuzzSubset holds whatever the subset takes against net/http: method, target,
// host, header, body, and where the next request begins.
func FuzzSubset(f *testing.F) {
	for _, row := range requests {
		if len(row.text) <= inputBuffer {
			f.Add([]byte(row.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > inputBuffer {
			return
		}
		err := compare(data)
		if d, ok := err.(*difference); ok { //nolint:errorlint // made above
			t.Fatalf("%s: %#v, not %#v", d.what, d.ours, d.its)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzTarget holds targets against net/url.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{"/", "/a?b", "//a", "/a%2Fb", "/a?", "/?a?", "/a;b=c", "/:a", "/a'b(c)", "/[a]", "/a#b"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if target == "" || target[0] != '/' || !all(target, visible) {
			return
		}
		var ours url.URL
		taken := parseTarget(target, &ours)
		its, err := url.ParseRequestURI(target)
		if taken != (err == nil) || taken && ours != *its {
			t.Fatalf("%q: %+v, not %+v (%v)", target, ours, its, err)
		}
	})
}
