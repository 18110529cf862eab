package attack

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// streams opens event streams and does not read them. They begin at different
// records, so that they share no events.
func streams(f *foe) {
	f.crowd(2000, func(i int) {
		if wid, ok := f.watch(i); ok {
			f.stall(request("GET", "/v0/watch/"+wid, "Accept: text/event-stream\r\n", nil))
		}
	})
}

// watch creates a watch session and returns its id.
func (f *foe) watch(i int) (wid string, ok bool) {
	body := fmt.Appendf(nil, `{"topics":{%q:{"from_seq":%d}}}`, large, i%largeRecords)
	answer := f.answer(request("POST", "/v0/watch", "", body))
	_, after, ok := strings.Cut(answer, `"wid":"`)
	wid, _, _ = strings.Cut(after, `"`)
	return wid, ok
}

// answer sends a complete request and returns the answer.
func (f *foe) answer(request []byte) string {
	conn, done := f.dial()
	if conn == nil {
		return ""
	}
	defer done()
	var b strings.Builder
	if _, err := conn.Write(request); err == nil {
		buf := make([]byte, 4<<10)
		for n := 0; err == nil; n, err = conn.Read(buf) {
			b.Write(buf[:n])
		}
	}
	return b.String()
}

// sockets opens WebSockets that subscribe to the topic large, at different records,
// and does not read them.
func sockets(f *foe) {
	f.crowd(2000, func(i int) {
		f.stall(socket(fmt.Sprintf(`{"op":"subscribe","topic":%q,"from_seq":%d}`, large, i%largeRecords)))
	})
}

// subscriptions opens WebSockets that subscribe to many topics without new records.
func subscriptions(f *foe) {
	for i := range 256 {
		f.send(request("POST", fmt.Sprintf("/v0/topics/many-%d", i), "", []byte(`{"records":[{"data":1}]}`)))
	}
	f.crowd(1000, func(int) { f.stall(socket(`{"op":"subscribe","prefixes":{"many-":{"tail":true}}}`)) })
}

// socket renders a WebSocket upgrade and a first message.
func socket(message string) []byte {
	b := fmt.Appendf(nil, "GET /v0/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", hostileKey)
	b = append(b, 0x81, 0x80|126) // a whole text message, masked, its length in two bytes
	b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
	b = append(b, 0, 0, 0, 0) // the mask
	return append(b, message...)
}
