package eventloop

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller waits for descriptors with epoll. It reports each change once
// (EPOLLET).
type poller struct {
	fd     int
	waker  int // an eventfd, which is never read: each write is a change
	kernel [most]unix.EpollEvent
}

// event is a change of a descriptor.
type event struct {
	fd    int
	ended bool // the peer has closed its side, or the connection is broken
}

const endings = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &poller{fd: fd, waker: waker}
	if err := p.add(waker); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) add(fd int) error {
	// EPOLLET is the sign bit of Events.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | 1<<31, Fd: int32(fd)}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e)
}

func (p *poller) remove(fd int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // it was added
}

// wake ends a wait, or the next one.
func (p *poller) wake() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(p.waker, one[:]) // it takes more writes than there will ever be
}

func (p *poller) close() {
	unix.Close(p.waker)
	unix.Close(p.fd)
}

// poll returns how many changes there are, and puts them into events. It does not
// wait, so that the runtime need not be told of it.
func (p *poller) poll(events []event) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.kernel)), most, 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return p.take(events, int(n))
}

// wait is poll, but waits until there are changes, or for up to longest.
func (p *poller) wait(events []event, longest time.Duration) int {
	n, err := unix.EpollWait(p.fd, p.kernel[:], int(longest/time.Millisecond))
	if err != nil { // it was interrupted
		return 0
	}
	return p.take(events, n)
}

func (p *poller) take(events []event, n int) int {
	for i, e := range p.kernel[:n] {
		events[i] = event{int(e.Fd), e.Events&endings != 0}
	}
	return n
}
