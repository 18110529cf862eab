package http1

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// The connection of an answer that lasts has no buffers while there is nothing to
// write, but for what its client has sent already. The next request is served as ever.
func TestLastingAnswers(t *testing.T) {
	bothWays(t, func(t *testing.T, how way) {
		at, on := make(chan http.Header), make(chan struct{})
		w := serve(t, func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/a" {
				Lasts(rw)
				rw.Header().Set("X-A", "a")
				for _, part := range []string{"1", "2", "3"} {
					_, _ = io.WriteString(rw, part)
					_ = http.NewResponseController(rw).Flush()
					at <- r.Header
					<-on
				}
			}
			_, _ = io.WriteString(rw, r.Method)
		}, how, nil)
		c := w.dial(t)
		for _, early := range []string{"", post("/b", "12")} {
			c.send(get + early)
			for range 3 {
				header := <-at
				for _, served := range w.all() {
					if held := served.work != nil; held != (early != "") {
						t.Errorf("after %q the connection has buffers: %t", early, held)
					}
					if len(header) != 0 && early == "" {
						t.Errorf("the header of the request is %q", header)
					}
				}
				on <- struct{}{}
			}
			resp := c.want(200, "123GET")
			if resp.Header.Get("X-A") != "a" || len(resp.TransferEncoding) != 1 {
				t.Errorf("the header is %q, the coding %q", resp.Header, resp.TransferEncoding)
			}
			if early == "" {
				c.send(post("/b", "12"))
			}
			c.want(200, "POST")
		}
	})
}

// What has a body keeps its buffers: the handler may read it at any time.
func TestLastingAnswerToABody(t *testing.T) {
	w := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		Lasts(rw)
		control := http.NewResponseController(rw)
		_ = control.EnableFullDuplex()
		_ = control.Flush()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = rw.Write(body)
	}, usual, nil)
	c := w.dial(t)
	for range 2 {
		c.send(post("/b", "12"))
		c.want(200, "12")
	}
}

// The buffers go back after a part that is sent at once, because it is large, as well
// as after one that is sent by Flush.
func TestLastingAnswersOfLargeParts(t *testing.T) {
	large := strings.Repeat("x", 2*outputBuffer)
	at, on := make(chan struct{}), make(chan struct{})
	w := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		Lasts(rw)
		for range 2 {
			_, _ = io.WriteString(rw, large)
			_ = http.NewResponseController(rw).Flush()
			at <- struct{}{}
			<-on
		}
	}, usual, nil)
	c := w.dial(t)
	c.send(get)
	for range 2 {
		<-at
		for _, served := range w.all() {
			if served.work != nil {
				t.Error("the connection has buffers while there is nothing to write")
			}
		}
		on <- struct{}{}
	}
	c.want(200, large+large)
}

// Parts that do not fit into the buffer together are all sent, and to their own client:
// after it has sent what was in the first buffer, the connection has another one.
func TestLastingAnswersKeepTheirParts(t *testing.T) {
	first, second := strings.Repeat("1", outputBuffer-10), strings.Repeat("2", 20)
	w := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		Lasts(rw)
		control := http.NewResponseController(rw)
		_ = control.Flush()
		for range 10 {
			_, _ = io.WriteString(rw, first)
			_, _ = io.WriteString(rw, second)
			other := works.Get().(*work) // as another connection would
			if len(other.kept) > 0 {
				t.Errorf("another connection gets %q", other.kept)
			}
			_ = control.Flush()
			works.Put(other)
		}
	}, usual, nil)
	c := w.dial(t)
	c.send(get)
	c.want(200, strings.Repeat(first+second, 10))
}
