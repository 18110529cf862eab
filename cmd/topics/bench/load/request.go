package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// RecordBytes is the size of the JSON value in each record's data.
const RecordBytes = 200

// Render renders a request with an optional JSON body.
func Render(method, target string, body []byte) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n", method, target)
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b = append(b, "\r\n"...)
	return append(b, body...)
}

// WriteRequest returns a request that appends batch records to a topic. It
// omits the list of seqs, as a fast client would, and waits for a log that has
// fallen behind, since a closed loop has nothing else to do.
func WriteRequest(topic string, batch int) []byte {
	record := append([]byte(`{"data":"`), bytes.Repeat([]byte("x"), RecordBytes-2)...)
	record = append(record, `"}`...)
	body := append([]byte(`{"records":[`), bytes.Join(repeat(record, batch), []byte(","))...)
	return Render("POST", "/v0/topics/"+topic+"?return_seqs=false", append(body, `],"disable_backpressure":true}`...))
}

func repeat(b []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = b
	}
	return all
}

// DeleteTagRequest returns a request that deletes a topic's records with a tag.
func DeleteTagRequest(topic, tag string) []byte {
	return Render("POST", "/v0/topics/"+topic+"/delete", fmt.Appendf(nil, `{"match":["tag","Eq",%q]}`, tag))
}

// AppendReadRequest appends a request for the page after from to b. A GET needs
// no body.
func AppendReadRequest(b []byte, topic string, from uint64) []byte {
	b = append(b, "GET /v0/topics/"...)
	b = append(b, topic...)
	b = append(b, "/diff?limit=1000&max_batch_bytes=8388608&from_seq="...)
	b = strconv.AppendUint(b, from, 10)
	return append(b, " HTTP/1.1\r\nHost: localhost\r\n\r\n"...)
}

// Cursor extracts next_from_seq and caught_up from a page without parsing it.
func Cursor(page []byte) (next uint64, caughtUp bool, err error) {
	// The records, which precede them in a page, contain neither name.
	const name = `"next_from_seq":`
	at := bytes.LastIndex(page, []byte(name))
	if at < 0 {
		return 0, false, fmt.Errorf("a page without next_from_seq: %.200s", page)
	}
	tail := page[at+len(name):]
	end := 0
	for end < len(tail) && tail[end] >= '0' && tail[end] <= '9' {
		end++
	}
	next, err = strconv.ParseUint(string(tail[:end]), 10, 64)
	return next, bytes.Contains(tail, []byte(`"caught_up":true`)), err
}

// CountRecords counts the records of a page, whose payloads do not contain this
// name.
func CountRecords(page []byte) int { return bytes.Count(page, []byte(`"$seq":`)) }

// TimedRequest appends a write of one record that contains the time of sending,
// in ns since began, and has size bytes of data.
func TimedRequest(b []byte, topic string, began time.Time, size int) []byte {
	const shape = `{"pad":"","at":}`
	at := strconv.FormatInt(int64(time.Since(began)), 10)
	body := append(make([]byte, 0, size+96), `{"records":[{"data":{"pad":"`...)
	body = append(body, bytes.Repeat([]byte("x"), max(size-len(shape)-len(at), 0))...)
	body = append(append(append(body, `","at":`...), at...), `}}],"disable_backpressure":true}`...)
	return append(b, Render("POST", "/v0/topics/"+topic+"?return_seqs=false", body)...)
}

// SentAt returns the time in such a record.
func SentAt(data []byte) (time.Duration, error) {
	at := bytes.LastIndex(data, []byte(`"at":`))
	if at < 0 {
		return 0, fmt.Errorf("a record without its time: %.80s", data)
	}
	n, err := strconv.ParseInt(string(bytes.TrimSuffix(data[at+5:], []byte("}"))), 10, 64)
	return time.Duration(n), err
}
