//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// errAddressInUse is the error of listening at a port that another process has.
const errAddressInUse = syscall.EADDRINUSE

// signalCommands are the commands that need signals.
type signalCommands struct {
	Held   serveHeldCmd `cmd:"" name:"serve-held" hidden:""`
	Reload reloadCmd    `cmd:"" group:"Server" help:"Have the server of a data directory read its keys, log level and certificate again."`
}

// reloadCmd signals the server of a data directory. An image without a shell has
// no other way to do that.
type reloadCmd struct {
	Dir string `arg:"" optional:"" env:"TOPICS_DATA_DIR" default:"./topics-data" help:"Data directory of the server (default: TOPICS_DATA_DIR, or else ./topics-data)."`
}

// Help is printed below the flags.
func (reloadCmd) Help() string {
	return `Examples:
  topics reload live-data`
}

// Run sends SIGHUP to the process that has the directory's lock.
func (c *reloadCmd) Run() error {
	pid, err := serverOf(c.Dir)
	if err != nil {
		return err
	}
	err = syscall.Kill(pid, syscall.SIGHUP)
	switch {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("process %d, the server of %s, belongs to another user: run topics reload as that user; this process is uid %d", pid, c.Dir, os.Geteuid())
	case err != nil:
		return fmt.Errorf("signalling process %d, the server of %s: %w", pid, c.Dir, err)
	}
	_, err = fmt.Printf("sent SIGHUP to process %d, the server of %s; its log has a line with the outcome for each of keys, log level, audit file and certificate\n", pid, c.Dir)
	return err
}

// serverOf returns the process that has a data directory.
func serverOf(dir string) (pid int, err error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, explainAccess(err)
	}
	lock, err := recovery.Share(vfs.OS(), dir)
	if err == nil {
		return 0, errors.Join(fmt.Errorf("no server is using %s", dir), lock.Close())
	}
	used := new(recovery.InUseError)
	if !errors.As(err, &used) {
		return 0, explainAccess(err)
	}
	pid, err = strconv.Atoi(used.PID)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%w, which its lock does not name", used)
	}
	if !mayHave(pid, dir) {
		return 0, fmt.Errorf("%s says that process %d has the directory, but process %d here does not: run topics reload in the server's container, or on its machine",
			filepath.Join(dir, recovery.LockName), pid, pid)
	}
	return pid, nil
}

// mayHave reports whether a process can be the one that has locked a directory.
// A pid in a lock is of the locker's own machine and namespace, where the same
// number may be of an innocent process here. Where descriptors of processes
// cannot be seen, it returns true.
func mayHave(pid int, dir string) bool {
	want, err := os.Stat(dir)
	if err != nil {
		return true
	}
	open := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	names, err := os.ReadDir(open)
	if err != nil {
		// The process is another user's, or there is no /proc. A process that does
		// not exist is not the one.
		return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	for _, name := range names {
		got, err := os.Stat(filepath.Join(open, name.Name()))
		if err == nil && os.SameFile(got, want) {
			return true
		}
	}
	return false
}
