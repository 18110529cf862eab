package peer

import (
	"bytes"
	"fmt"
	"strings"
)

// beanstalkd puts jobs, with a sync after each write of its binlog.
var beanstalkd = &Peer{
	Name: "beanstalkd", program: "beanstalkd", debian: "beanstalkd",
	arguments: func(dir, port string) ([]string, error) {
		return []string{"-l", "127.0.0.1", "-p", port, "-b", dir, "-f0"}, nil
	},
	speak: func(_, bytes int) Protocol {
		return Protocol{Request: fmt.Appendf(nil, "put 0 0 30 %d\r\n%s\r\n", bytes, strings.Repeat("x", bytes)), Records: 1, Answer: inserted}
	},
}

// inserted reads the answer to a put: the job's ID.
func inserted(b []byte) (Answer, error) {
	line, rest, whole := bytes.Cut(b, []byte("\r\n"))
	switch {
	case !whole && len(line) < 64:
		return Answer{}, nil
	case !bytes.HasPrefix(line, []byte("INSERTED ")):
		return Answer{}, fmt.Errorf("%w: %.100q", errReply, line)
	}
	return Answer{Size: len(b) - len(rest), Acks: true}, nil
}
