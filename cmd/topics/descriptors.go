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
	"golang.org/x/sys/unix"
)

// descriptors are the process's file descriptors: how many it may have, how
// many are open, and what of them connections may take.
type descriptors struct {
	limit int
	// dir is /proc/self/fd, opened once: it must be readable when there is no
	// descriptor left. nil: the system has none.
	dir  *os.File
	open atomic.Int64 // when they were counted last
}

// enoughDescriptors is the limit below which the start warns: it is what one
// machine's worth of clients takes, and four times what shells give.
const enoughDescriptors = 4096

// recountEvery is how often the room for connections is worked out again: log
// files and segments come and go.
const recountEvery = 250 * time.Millisecond

// claimDescriptors raises the soft limit to the hard one. The Go runtime has
// done that when the process began; it is said here because the server relies
// on it.
func claimDescriptors(log zerolog.Logger) *descriptors {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	if err == nil && l.Cur < l.Max {
		raised := unix.Rlimit{Cur: l.Max, Max: l.Max}
		if err = unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err == nil {
			l = raised
		}
	}
	if err != nil {
		log.Warn().Err(err).Uint64("limit", l.Cur).Msg("the descriptor limit could not be raised")
	}
	d := &descriptors{limit: int(min(l.Cur, math.MaxInt32))}
	if d.dir, err = os.Open("/proc/self/fd"); err != nil {
		log.Warn().Err(err).Msg("open descriptors cannot be counted")
	}
	return d
}

// kept is how many descriptors connections leave to the log, checkpoints and
// probes beyond what is open already: room for the files that come between two
// counts, and for the connections that are let in beyond the bound.
func (d *descriptors) kept() int { return min(max(d.limit/8, 64), 1024) }

// fewestConnections is what is left to them however many files are open.
const fewestConnections = 16

// room is how many connections there may be while so many of the open
// descriptors are not connections. most is the operator's own bound; 0: none.
func (d *descriptors) room(files, most int) int {
	room := max(d.limit-d.kept()-files, fewestConnections)
	if most > 0 {
		return min(room, most)
	}
	return room
}

// count counts what is open. New kernels say it without a walk.
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

// tendConnections keeps the bound on connections in step with the files that
// are open until ctx ends.
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

// boundConnections leaves connections what files do not take.
func (s *server) boundConnections() {
	d := s.descriptors
	open, err := d.count()
	if err != nil {
		open = 0 // files can only be guessed: kept has room for some
	}
	files := max(open-s.api.Connections().Open, 0)
	most := s.config.Connections()
	if s.config.MaxConnections > 0 {
		most = s.config.MaxConnections
	}
	s.api.SetMaxConnections(d.room(files, most))
}

// warnOfFew warns of a limit that will not do.
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
