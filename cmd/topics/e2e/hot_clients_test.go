package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// hotTopics are what hot clients write to, with the class of each.
var hotTopics = map[string]string{"hot-disk": "disk", "hot-fsync": "fsync"}

// TestHotClientsOverAKill has connections that become busy enough for a loop and then do
// what clients do at their worst, until the server is killed. Each answer has to be that
// of its request, and each record that was acknowledged is there afterwards, once, at its
// seq; of those that were not acknowledged none is there twice.
func TestHotClientsOverAKill(t *testing.T) {
	const clients, enough = 40, 8000
	server := serve(t, t.TempDir(), "TOPICS_MAX_INFLIGHT_PER_KEY=0").ready()
	book := &hotBook{t: t, addr: server.addr(), acked: map[string]*acked{}, done: map[string]int{}}
	for topic, class := range hotTopics {
		book.acked[topic] = newAcked(topic)
		_, err := server.client().PutTopic(t.Context(), topic, client.Config{Durability: class})
		if err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for s := 0; !book.isOver(); s++ {
				c := &hotClient{id: fmt.Sprintf("%d.%d", i, s), home: []string{"hot-disk", "hot-fsync"}[r.IntN(2)], book: book, r: r}
				if err := c.run(); err != nil && !book.isOver() {
					t.Errorf("client %s: %v", c.id, err)
					return
				}
			}
		})
	}
	server.until("enough was written, in all ways", func() bool { return t.Failed() || book.has(enough) })
	book.end()
	server.kill()
	all.Wait()
	server = server.again().ready()
	for _, a := range book.acked {
		a.check(t, server.client(), false)
		data := readAll(t, server.client(), a.topic)
		slices.Sort(data)
		if n := len(slices.Compact(slices.Clone(data))); n != len(data) {
			t.Errorf("%s: %d of %d records are there twice", a.topic, len(data)-n, len(data))
		}
	}
}

// hotBook is what was acknowledged.
type hotBook struct {
	t     *testing.T
	addr  string
	acked map[string]*acked // by topic

	mu   sync.Mutex     // guards what follows
	done map[string]int // how often clients behaved in which way
	over bool
}

func (b *hotBook) note(topic string, seq uint64, data string) {
	b.acked[topic].note(b.t, seq, data)
}

func (b *hotBook) has(enough int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count() >= enough && len(b.done) == len(hotWays)
}

// count returns how many records were acknowledged.
func (b *hotBook) count() (n int) {
	for _, a := range b.acked {
		n += a.count()
	}
	return n
}

func (b *hotBook) did(way string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[way]++
}

func (b *hotBook) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.t.Logf("%d records were acknowledged: %v", b.count(), b.done)
}

func (b *hotBook) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over || b.t.Failed()
}

// hotClient is one connection.
type hotClient struct {
	id   string
	book *hotBook
	r    *rand.Rand
	conn *net.TCPConn
	in   *bufio.Reader
	home string // the topic that it mostly writes to: a loop has writes of one class
	n    int    // records that were written
}

// exchange is a request, and what has to come of it.
type exchange struct {
	method, topic, data string // data is empty unless a record is written
	status              int
}

func (c *hotClient) run() error {
	conn, err := net.Dial("tcp", c.book.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.conn, c.in = conn.(*net.TCPConn), bufio.NewReader(conn)
	for range 3 {
		for range 8 + c.r.IntN(20) { // see eventloop.UsuallyHot
			b, a := c.write("")
			if err := errors.Join(c.send(b), c.answer(a)); err != nil {
				return err
			}
		}
		way := hotWays[c.r.IntN(len(hotWays))]
		over, err := way.do(c)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		c.book.did(way.name)
		if over {
			return nil
		}
	}
	return nil
}

// write returns a request that writes a record to the client's topic, with more fields of
// the body.
func (c *hotClient) write(fields string) ([]byte, exchange) {
	return c.writeTo(c.home, fields)
}

// writeTo is write, to any topic.
func (c *hotClient) writeTo(topic, fields string) ([]byte, exchange) {
	body, data := c.body(fields)
	return c.request(topic, fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)), exchange{"POST", topic, data, http.StatusOK}
}

func (c *hotClient) body(fields string) (body, data string) {
	c.n++
	data = fmt.Sprintf(`"%s.%d %s"`, c.id, c.n, strings.Repeat("x", c.r.IntN(300)))
	return `{` + fields + `"records":[{"data":` + data + `}]}`, data
}

func (c *hotClient) request(topic, rest string) []byte {
	return []byte("POST /v0/topics/" + topic + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + rest)
}

// pipeline returns some writes, with reads between them.
func (c *hotClient) pipeline(n int) (b []byte, all []exchange) {
	for range n {
		one, a := c.write("")
		b, all = append(b, one...), append(all, a)
		if c.r.IntN(8) == 0 {
			one, a := c.writeTo("hot-fsync", "")
			b, all = append(b, one...), append(all, a)
		}
		for _, method := range []string{"GET", "HEAD"} {
			if c.r.IntN(6) == 0 {
				b = append(b, method+" /v0/topics/"+a.topic+" HTTP/1.1\r\nHost: localhost\r\n\r\n"...)
				all = append(all, exchange{method, a.topic, "", http.StatusOK})
			}
		}
	}
	return b, all
}

// send writes in pieces.
func (c *hotClient) send(b []byte) error {
	for len(b) > 0 {
		n := 1 + c.r.IntN(len(b))
		if c.r.IntN(2) == 0 {
			n = len(b)
		}
		if _, err := c.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// answers reads as many answers.
func (c *hotClient) answers(all []exchange) error {
	for i, a := range all {
		if err := c.answer(a); err != nil {
			return fmt.Errorf("answer %d of %d: %w", i, len(all), err)
		}
	}
	return nil
}

func (c *hotClient) answer(a exchange) error {
	resp, err := http.ReadResponse(c.in, &http.Request{Method: a.method})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != a.status {
		return fmt.Errorf("%d, not %d: %s", resp.StatusCode, a.status, body)
	}
	if a.method == "GET" && !bytes.Contains(body, []byte(`"topic":"`+a.topic+`"`)) {
		return fmt.Errorf("this is not %s: %s", a.topic, body)
	}
	if a.data == "" {
		return nil
	}
	var w struct {
		Topic string
		First uint64 `json:"first_seq"`
		Last  uint64 `json:"last_seq"`
	}
	err = json.Unmarshal(body, &w)
	if err != nil || w.Topic != a.topic || w.First == 0 || w.First != w.Last {
		return fmt.Errorf("not the answer to one record of %s: %s", a.topic, body)
	}
	c.book.note(a.topic, w.First, a.data)
	return nil
}

// ended holds that the server has closed the connection.
func (c *hotClient) ended() error {
	_, err := c.in.ReadByte()
	if err == io.EOF {
		return nil
	}
	return fmt.Errorf("the connection goes on: %v", err)
}

// hotWays are what a connection does while it is hot. over is true if it is of no use
// after that.
var hotWays = []struct {
	name string
	do   func(*hotClient) (over bool, err error)
}{
	{"pipelined", func(c *hotClient) (bool, error) {
		b, all := c.pipeline(1 + c.r.IntN(20))
		return false, errors.Join(c.send(b), c.answers(all))
	}},
	{"reset amid the answers", func(c *hotClient) (bool, error) {
		b, all := c.pipeline(1 + c.r.IntN(20))
		err := errors.Join(c.send(b), c.answers(all[:c.r.IntN(len(all)+1)]))
		_ = c.conn.SetLinger(0)
		return true, err
	}},
	{"half closed", func(c *hotClient) (bool, error) {
		b, all := c.pipeline(1 + c.r.IntN(20))
		return true, errors.Join(c.send(b), c.conn.CloseWrite(), c.answers(all), c.ended())
	}},
	{"many at once", func(c *hotClient) (bool, error) {
		b, all := c.pipeline(200)
		sent := make(chan error, 1)
		go func() {
			_, err := c.conn.Write(b)
			sent <- err
		}()
		return true, errors.Join(c.answers(all), <-sent)
	}},
	{"last request", func(c *hotClient) (bool, error) {
		b, a := c.write("")
		b = bytes.Replace(b, []byte("\r\n"), []byte("\r\nConnection: close\r\n"), 1)
		return true, errors.Join(c.send(b), c.answer(a), c.ended())
	}},
	{"chunked", func(c *hotClient) (bool, error) {
		body, data := c.body("")
		b := c.request("hot-fsync", fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body))
		return false, errors.Join(c.send(b), c.answer(exchange{"POST", "hot-fsync", data, http.StatusOK}))
	}},
	{"asks before the body", func(c *hotClient) (bool, error) {
		body, data := c.body("")
		err := c.send(c.request("hot-disk", fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))))
		if err != nil {
			return true, err
		}
		line, err := c.in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			return true, fmt.Errorf("%q, %w", line, err)
		}
		_, _ = c.in.ReadString('\n')
		return false, errors.Join(c.send([]byte(body)), c.answer(exchange{"POST", "hot-disk", data, http.StatusOK}))
	}},
	{"too large", func(c *hotClient) (bool, error) {
		b, a := c.write("")
		b = append(b, c.request("hot-disk", "Content-Length: 900000000\r\n\r\n")...)
		refused := exchange{"POST", "hot-disk", "", http.StatusRequestEntityTooLarge}
		return true, errors.Join(c.send(b), c.answer(a), c.answer(refused))
	}},
	{"repeated", func(c *hotClient) (bool, error) {
		b, a := c.write(fmt.Sprintf(`"idempotency_key":"%s.%d",`, c.id, c.n))
		return false, errors.Join(c.send(bytes.Repeat(b, 3)), c.answers([]exchange{a, a, a}))
	}},
	{"conflict", func(c *hotClient) (bool, error) {
		b, a := c.write(`"expected_head_seq":1,`)
		a.data, a.status = "", http.StatusConflict
		next, good := c.write("")
		return false, errors.Join(c.send(append(b, next...)), c.answers([]exchange{a, good}))
	}},
}
