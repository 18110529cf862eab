package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// descriptors keeps track of the process's file descriptors: the limit, how
// many are open, and how many connections may use.
type descriptors struct {
	limit int
	// dir lists the open descriptors. It is opened in advance, because it must be
	// readable when no descriptor is left. It is nil if the system does not have it.
	dir  *os.File
	open atomic.Int64 // result of the last count
}

// enoughDescriptors is the limit below which a warning is logged at the start.
// It is enough for the clients of one machine, and four times the usual default
// of shells.
const enoughDescriptors = 4096

// recountEvery is how often the room for connections is recomputed, because the
// number of open log files and segments changes.
const recountEvery = 250 * time.Millisecond

// claimDescriptors raises the soft limit to the hard limit. The Go runtime does
// that at the start of the process; it is repeated here because the server
// relies on it.
func claimDescriptors(log zerolog.Logger) *descriptors {
	limit, err := raiseDescriptors()
	if err != nil {
		log.Warn().Err(err).Uint64("limit", limit).Msg("raising the descriptor limit failed")
	}
	d := &descriptors{limit: int(min(limit, math.MaxInt32))}
	if d.dir, err = openDescriptors(); err != nil {
		log.Warn().Err(err).Msg("open descriptors cannot be counted; the room for connections is estimated")
	}
	return d
}

// kept returns how many descriptors are reserved for the log, checkpoints and
// probes in addition to those that are open: for files opened between two
// counts, and for connections admitted beyond the bound.
func (d *descriptors) kept() int { return min(max(d.limit/8, 64), 1024) }

// fewestConnections is the minimum bound of connections, however many files are
// open.
const fewestConnections = 16

// room returns how many connections there may be while files open descriptors
// are not connections. most is the operator's limit, or 0.
func (d *descriptors) room(files, most int) int {
	room := max(d.limit-d.kept()-files, fewestConnections)
	if most > 0 {
		return min(room, most)
	}
	return room
}

// count counts the open descriptors. Linux 6.2 and later report the number
// directly.
func (d *descriptors) count() (int, error) {
	if d.dir == nil {
		return 0, errors.ErrUnsupported
	}
	info, err := d.dir.Stat()
	if err != nil {
		return 0, err
	}
	n := int(info.Size())
	if n == 0 { // before Linux 6.2
		if _, err = d.dir.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		names, err := d.dir.Readdirnames(-1)
		if err != nil {
			return 0, err
		}
		n = len(names)
	}
	d.open.Store(int64(n))
	return n, nil
}

// tendConnections updates the bound of connections as files are opened and
// closed, until ctx is done.
func (s *server) tendConnections(ctx context.Context) {
	tick := time.NewTicker(recountEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.boundConnections()
		case <-ctx.Done():
			return
		}
	}
}

// boundConnections sets the bound of connections to what files leave.
func (s *server) boundConnections() {
	d := s.descriptors
	open, err := d.count()
	if err != nil {
		open = 0 // the number of files is unknown, but kept has room for some
	}
	files := max(open-s.api.Connections().Open, 0)
	most := s.config.Connections()
	if s.config.MaxConnections > 0 {
		most = s.config.MaxConnections
	}
	s.api.SetMaxConnections(d.room(files, most))
}

// warnOfFew logs a warning if the descriptor limit is too low.
func (s *server) warnOfFew() {
	d := s.descriptors
	room := s.api.Connections().Bound
	switch most := s.config.MaxConnections; {
	case most > room:
		s.log.Warn().Int("limit", d.limit).Int("room", room).Int("TOPICS_MAX_CONNECTIONS", most).
			Msg("the descriptor limit has no room for TOPICS_MAX_CONNECTIONS; raise it (ulimit -n, LimitNOFILE)")
	case d.limit < enoughDescriptors:
		s.log.Warn().Int("limit", d.limit).Int("room", room).
			Msg("the descriptor limit is low; raise it (ulimit -n, LimitNOFILE) for more connections")
	}
}
