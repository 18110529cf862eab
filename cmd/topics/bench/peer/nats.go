package peer

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// nats publishes to a stream of JetStream in files, with a sync before each answer.
var nats = &Peer{
	Name: "nats", program: "nats-server",
	arguments: func(dir, port string) ([]string, error) {
		config := fmt.Sprintf("listen: \"127.0.0.1:%s\"\nlog_file: %q\njetstream { store_dir: %q, sync_interval: always }\n",
			port, filepath.Join(dir, "log"), filepath.Join(dir, "store"))
		file := filepath.Join(dir, "config")
		return []string{"-c", file}, os.WriteFile(file, []byte(config), 0o600)
	},
	prepare: makeStream,
	speak: func(n, bytes int) Protocol {
		inbox := "_INBOX." + strconv.Itoa(n)
		return Protocol{
			Open:    func(c net.Conn) error { return greet(c, inbox) },
			Request: published(stream, inbox, strings.Repeat("x", bytes)), Records: 1, Answer: acked,
		}
	},
}

// published renders a message that is answered to the inbox.
func published(subject, inbox, data string) []byte {
	return fmt.Appendf(nil, "PUB %s %s %d\r\n%s\r\n", subject, inbox, len(data), data)
}

// greet opens a connection that gets what is sent to the inbox.
func greet(c net.Conn, inbox string) error {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB %s 1\r\nPING\r\n", inbox); err != nil {
		return err
	}
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "PONG\r\n" { // nothing follows it until something is published
			return nil
		}
		if !strings.HasPrefix(line, "INFO ") && line != "PING\r\n" {
			return fmt.Errorf("%w: %.100q", errReply, line)
		}
	}
}

// makeStream makes the stream that messages of its name go to.
func makeStream(addr string) error {
	c, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	const inbox = "_INBOX.made"
	if err := greet(c, inbox); err != nil {
		return err
	}
	const config = `{"name":"` + stream + `","subjects":["` + stream + `"],"storage":"file"}`
	if _, err := c.Write(published("$JS.API.STREAM.CREATE."+stream, inbox, config)); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for n := 0; ; {
		got, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += got
		data, size, err := message(buf[:n])
		switch {
		case err != nil:
			return err
		case size > 0 && bytes.Contains(data, []byte(`"did_create":true`)):
			return nil
		case data != nil:
			return fmt.Errorf("%w: %.200s", errReply, data)
		}
	}
}

// acked reads the answer to a message: the stream and the sequence number.
func acked(b []byte) (Answer, error) {
	data, size, err := message(b)
	if data != nil && !bytes.Contains(data, []byte(`"seq":`)) {
		return Answer{}, fmt.Errorf("%w: %.200s", errReply, data)
	}
	return Answer{Size: size, Acks: data != nil}, err
}

// message reads what stands at the start of b: the data of a message, or a line
// without data. The size is 0 if it is incomplete.
func message(b []byte) (data []byte, size int, err error) {
	line, rest, whole := bytes.Cut(b, []byte("\r\n"))
	switch {
	case !whole && len(line) < 4<<10:
		return nil, 0, nil
	case string(line) == "PING" || string(line) == "PONG" || bytes.HasPrefix(line, []byte("INFO ")):
		return nil, len(b) - len(rest), nil
	}
	fields := bytes.Fields(line)
	if len(fields) < 4 || string(fields[0]) != "MSG" {
		return nil, 0, fmt.Errorf("%w: %.100q", errReply, line)
	}
	n, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil || n < 0 || n > mostReply {
		return nil, 0, fmt.Errorf("%w: %.100q", errReply, line)
	}
	if len(rest) < n+2 {
		return nil, 0, nil
	}
	return rest[:n:n], len(b) - len(rest) + n + 2, nil
}
