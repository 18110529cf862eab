package http1

import (
	"hash/maphash"
	"net/http"
	"net/url"
	"sync"
)

const (
	// inputBuffer is what a header must fit into. It is the size of net/http's
	// buffer.
	inputBuffer = 4 << 10
	// outputBuffer is how much of an answer, with its header, is kept back until the
	// handler has returned.
	outputBuffer = 4 << 10
)

// work is what a connection needs from the first byte of a request to the last of
// its answer. It belongs to one connection at a time.
//
// head stays as it is for the next request, whosever it is: the same bytes mean the
// same, and most clients send the same header again and again.
type work struct {
	buffer [inputBuffer]byte
	in     []byte // of buffer: what has been read and not been used
	head   head
	sum    uint64      // of head.text
	header http.Header // the request's, which handlers may change
	values []string    // of header
	url    url.URL     // the request's, which handlers may change
	body   body
	answer http.Header // the handler's
	out    []byte      // the answer's header
	kept   []byte      // of the answer's body, not sent
	parts  [4][]byte   // of a write
}

var works = sync.Pool{New: func() any {
	return &work{
		head:   head{fields: make([]field, 0, maxFields)},
		header: make(http.Header, 8),
		values: make([]string, 0, maxFields),
		answer: make(http.Header, 8),
		out:    make([]byte, 0, 1<<10),
		kept:   make([]byte, 0, outputBuffer),
	}
}}

// sumSeed is that of work.sum.
var sumSeed = maphash.MakeSeed()

// understand makes head, header and url those of a text, which is a header without
// the empty line at its end. It reports false if that is not of the subset.
//
// The text is compared with the one before by their sums first: the one before may
// have another client's key, and the time must not show how much of it is the same.
func (w *work) understand(text []byte) bool {
	sum := maphash.Bytes(sumSeed, text)
	if sum != w.sum || string(text) != w.head.text {
		if !w.head.parse(string(text)) {
			return false
		}
		w.sum = sum
	}
	w.fillHeader()
	w.url = w.head.url
	return true
}

// fillHeader makes a map of the fields.
func (w *work) fillHeader() {
	clear(w.header)
	clear(w.values)
	w.values = w.values[:0]
	for _, f := range w.head.fields {
		if have, ok := w.header[f.name]; ok {
			w.header[f.name] = append(have, f.value)
			continue
		}
		n := len(w.values)
		w.values = append(w.values, f.value)
		w.header[f.name] = w.values[n : n+1 : n+1]
	}
}

// next forgets a request and its answer, but not what was read after it.
func (w *work) next() {
	clear(w.header)
	clear(w.answer)
	w.out, w.kept = w.out[:0], w.kept[:0]
	w.body = body{}
}

// reset forgets everything but what the last header means.
func (w *work) reset() {
	w.next()
	clear(w.values)
	w.url, w.in, w.parts = url.URL{}, nil, [4][]byte{}
}
