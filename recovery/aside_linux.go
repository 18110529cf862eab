package recovery

import "golang.org/x/sys/unix"

// niceness is how far the background's threads stand back from those that
// serve: enough that a request never waits for a processor that the
// background has, not so much that the background starves, for it holds locks
// now and then, and the collector has to be able to stop it.
const niceness = 10

// standBack lowers the priority of the calling thread for good.
func standBack() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness) // it is only a favour
}
