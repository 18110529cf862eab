package jobs

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// event is what a worker has to say of a delivery.
type event string

// The events of a delivery, in the order in which they can come.
const (
	begun    event = "begun"    // the handler was given the job
	did      event = "did"      // it has done it; the ack is about to be sent
	acked    event = "acked"    // the queue knows that
	returned event = "returned" // the queue knows that it goes back
	rejected event = "rejected" // the queue knows that it is given up
	lost     event = "lost"     // the lease was lost
	unknown  event = "unknown"  // the queue may or may not know the outcome
)

// line is an event in a journal.
type line struct {
	event  event
	at     int64 // Unix ns; all processes have the same clock
	class  class
	number int // of the job
	seq    uint64
	lease  string
	worker string // whose journal it is
}

// journal is the file in which a worker process notes what happens. A line is
// one write, so that a kill leaves it whole or leaves it out.
type journal struct{ f *os.File }

func openJournal(name string) (*journal, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &journal{f}, nil
}

// note appends an event. A drill whose journal cannot be written proves nothing.
func (j *journal) note(l line) {
	if _, err := fmt.Fprintf(j.f, "%s %d %s %d %d %s\n", l.event, time.Now().UnixNano(), l.class, l.number, l.seq, l.lease); err != nil {
		panic(err)
	}
}

// readJournal returns the lines of a journal.
func readJournal(name, worker string) ([]line, error) {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil, nil // it was killed before it had one
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []line
	in := bufio.NewScanner(f)
	for in.Scan() {
		l := line{worker: worker}
		if _, err := fmt.Sscan(in.Text(), &l.event, &l.at, &l.class, &l.number, &l.seq, &l.lease); err != nil {
			return nil, fmt.Errorf("journal %s: %q: %w", name, strings.TrimSpace(in.Text()), err)
		}
		lines = append(lines, l)
	}
	return lines, in.Err()
}
