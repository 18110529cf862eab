package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// beanstalkd is a process of it, with a binlog.
type beanstalkd struct {
	dir     string
	sync    string        // -f0, a sync for each write, or -F, none
	process *peer.Process // nil if it does not run
}

// measureBeanstalkd measures the cells of one class.
func (b *bench) measureBeanstalkd(ctx context.Context, class string, into map[queueCell][]queueMeasures) (err error) {
	s := &beanstalkd{sync: "-F"}
	if class == "fsync" {
		s.sync = "-f0"
	}
	for _, c := range b.cmd.queueCells(class) {
		if c.op == opWork {
			continue
		}
		if err := b.measureFresh(ctx, s, c, into); err != nil {
			return fmt.Errorf("beanstalkd: %+v: %w", c, err)
		}
	}
	return nil
}

// measureFresh measures one cell in a directory of its own.
func (b *bench) measureFresh(ctx context.Context, s *beanstalkd, c queueCell, into map[queueCell][]queueMeasures) (err error) {
	dir, done, err := scratch(b.dir, "beanstalkd")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	s.dir = dir
	defer s.stop()
	return b.measureQueueCell(ctx, s, c, into)
}

// start starts it and returns once it accepts connections.
func (s *beanstalkd) start(sync string) (err error) {
	s.process, err = peer.Start("beanstalkd", func(port string) ([]string, error) {
		return []string{"-l", "127.0.0.1", "-p", port, "-b", s.dir, sync}, nil
	})
	return err
}

// stop kills it, if it runs.
func (s *beanstalkd) stop() {
	if s.process == nil {
		return
	}
	s.process.Stop()
	s.process = nil
}

// fill writes the jobs without syncs, and then starts it again as it is to be
// measured.
func (s *beanstalkd) fill(ctx context.Context, c queueCell, jobs int) error {
	if c.op == opPut {
		return s.start(s.sync)
	}
	if err := s.start("-F"); err != nil {
		return err
	}
	w, err := s.connect(queueCell{op: opPut, batch: 100})
	if err != nil {
		return err
	}
	for n := 0; n < jobs && ctx.Err() == nil; n += 100 {
		if _, err := w.exchange(); err != nil {
			w.close()
			return err
		}
	}
	w.close()
	s.stop()
	return s.start(s.sync)
}

func (s *beanstalkd) worker(_ context.Context, c queueCell, _ int) (exchanger, error) {
	return s.connect(c)
}

// beanstalkWorker is one connection. The commands of a batch are sent together.
type beanstalkWorker struct {
	net     net.Conn
	in      *bufio.Reader
	batch   int
	put     []byte // the commands of a batch, if it puts
	reserve []byte
	ids     [][]byte
}

func (s *beanstalkd) connect(c queueCell) (*beanstalkWorker, error) {
	conn, err := net.Dial("tcp", s.process.Addr)
	if err != nil {
		return nil, err
	}
	w := &beanstalkWorker{net: conn, in: bufio.NewReaderSize(conn, 64<<10), batch: c.batch}
	if c.op == opPut {
		data := strings.Repeat("x", load.RecordBytes)
		w.put = bytes.Repeat(fmt.Appendf(nil, "put 0 0 30 %d\r\n%s\r\n", len(data), data), c.batch)
	}
	w.reserve = bytes.Repeat([]byte("reserve-with-timeout 0\r\n"), c.batch)
	return w, nil
}

func (w *beanstalkWorker) close() { _ = w.net.Close() } // every answer was read

func (w *beanstalkWorker) exchange() (int, error) {
	if err := w.net.SetDeadline(time.Now().Add(load.ExchangeTimeout)); err != nil {
		return 0, err
	}
	if w.put != nil {
		return w.batch, w.answers(w.put, w.batch, "INSERTED ")
	}
	if _, err := w.net.Write(w.reserve); err != nil {
		return 0, err
	}
	w.ids = w.ids[:0]
	for range w.batch {
		if err := w.reserved(); err != nil {
			return 0, err
		}
	}
	if len(w.ids) == 0 {
		return 0, errDrained
	}
	var commands []byte
	for _, id := range w.ids {
		commands = append(append(append(commands, "delete "...), id...), "\r\n"...)
	}
	return len(w.ids), w.answers(commands, len(w.ids), "DELETED")
}

// answers sends commands and reads as many answers, which must begin with want.
func (w *beanstalkWorker) answers(commands []byte, n int, want string) error {
	if _, err := w.net.Write(commands); err != nil {
		return err
	}
	for range n {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, []byte(want)) {
			return fmt.Errorf("answered %q", line)
		}
	}
	return nil
}

// reserved reads the answer to a reserve, and notes the job's ID if there is one.
func (w *beanstalkWorker) reserved() error {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	fields := bytes.Fields(line)
	if len(fields) == 1 && string(fields[0]) == "TIMED_OUT" {
		return nil
	}
	if len(fields) != 3 || string(fields[0]) != "RESERVED" {
		return fmt.Errorf("a reserve was answered with %q", line)
	}
	w.ids = append(w.ids, bytes.Clone(fields[1]))
	size, err := strconv.Atoi(string(fields[2]))
	if err == nil {
		_, err = io.CopyN(io.Discard, w.in, int64(size)+2)
	}
	return err
}
