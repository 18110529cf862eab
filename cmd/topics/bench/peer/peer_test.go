package peer

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// answers are messages of the servers, as they came from the network.
var answers = map[string]struct {
	read func([]byte) (Answer, error)
	in   string
	want Answer
}{
	"redis, an ID":             {added, "$15\r\n1796033194258-0\r\n", Answer{22, true}},
	"redis, two":               {added, "$3\r\n1-0\r\n$3\r\n1-1\r\n", Answer{9, true}},
	"nats, an acknowledgement": {acked, "MSG _INBOX.0 1 26\r\n{\"stream\":\"bench\",\"seq\":1}\r\n", Answer{47, true}},
	"nats, a ping":             {acked, "PING\r\n", Answer{6, false}},
	"nats, another INFO":       {acked, "INFO {}\r\nMSG", Answer{9, false}},
	"beanstalkd, an ID":        {inserted, "INSERTED 12\r\n", Answer{13, true}},
}

func TestAnswers(t *testing.T) {
	for name, tt := range answers {
		got, err := tt.read([]byte(tt.in))
		if err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, tt.want)
		}
		for n := range tt.want.Size {
			got, err := tt.read([]byte(tt.in[:n]))
			if err != nil || got != (Answer{}) {
				t.Errorf("%s: of the first %d bytes got %+v, %v", name, n, got, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		read func([]byte) (Answer, error)
		in   string
	}{
		"redis, an error":              {added, "-ERR unknown command\r\n"},
		"redis, an unending number":    {added, "$" + strings.Repeat("1", 40)},
		"redis, no number":             {added, "$x\r\n"},
		"redis, less than nothing":     {added, "$-1\r\n"},
		"redis, a string without end":  {added, "$1\r\nabc"},
		"nats, an error":               {acked, "-ERR 'Authorization Violation'\r\n"},
		"nats, a refusal":              {acked, "MSG _INBOX.0 1 12\r\n{\"error\":{}}\r\n"},
		"nats, no number":              {acked, "MSG _INBOX.0 1 x\r\n"},
		"beanstalkd, an error":         {inserted, "OUT_OF_MEMORY\r\n"},
		"beanstalkd, an unending line": {inserted, strings.Repeat("I", 64)},
	} {
		if got, err := tt.read([]byte(tt.in)); !errors.Is(err, errReply) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestPages(t *testing.T) {
	const page = "*1\r\n*2\r\n$5\r\nbench\r\n*2\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nd\r\n$5\r\nhello\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nd\r\n$0\r\n\r\n"
	r := NewReading(2)
	if got, want := string(r.Request()), "*6\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$1\r\n2\r\n$7\r\nSTREAMS\r\n$5\r\nbench\r\n$1\r\n0\r\n"; got != want {
		t.Errorf("the first request is %q", got)
	}
	for n := range len(page) {
		if records, size, err := r.Page([]byte(page[:n])); records != 0 || size != 0 || err != nil {
			t.Errorf("of the first %d bytes: %d records, %d bytes, %v", n, records, size, err)
		}
	}
	if records, size, err := r.Page([]byte(page)); records != 2 || size != len(page) || err != nil {
		t.Errorf("%d records, %d of %d bytes, %v", records, size, len(page), err)
	}
	if !strings.HasSuffix(string(r.Request()), "$3\r\n1-1\r\n") {
		t.Errorf("the next request is %q", r.Request())
	}
	if records, size, err := r.Page([]byte("*-1\r\n")); records != 0 || size != 5 || err != nil {
		t.Errorf("at the end: %d records, %d bytes, %v", records, size, err)
	}
	if !strings.HasSuffix(string(r.Request()), "$1\r\n0\r\n") {
		t.Errorf("after the end the request is %q", r.Request())
	}
	if _, _, err := r.Page([]byte("*1\r\n*2\r\n$5\r\nother\r\n")); !errors.Is(err, errReply) {
		t.Errorf("another stream: %v", err)
	}
}

// Every server that is installed acknowledges a write.
func TestServers(t *testing.T) {
	for name := range peers {
		t.Run(name, func(t *testing.T) {
			p, err := Find(name)
			if err != nil {
				t.Skip(err)
			}
			process, err := p.Start(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer process.Stop()
			c, err := net.Dial("tcp", process.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			protocol := p.Speak(3, 200)
			if protocol.Open != nil {
				if err := protocol.Open(c); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Write(protocol.Request); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 4096)
			for n := 0; ; {
				got, err := c.Read(buf[n:])
				if err != nil {
					t.Fatal(err)
				}
				n += got
				answer, err := protocol.Answer(buf[:n])
				if err != nil {
					t.Fatal(err)
				}
				if answer.Acks {
					return
				}
			}
		})
	}
}

func TestFind(t *testing.T) {
	if _, err := Find("other"); err == nil || err.Error() != `there is no peer "other"` {
		t.Errorf("found: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err := Find("redis")
	if want := "redis-server is not installed, so it is left out (Debian has it in the package redis-server)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
