package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// volume is a file system in a file with a loop device. Unlike a directory of
// the machine it can be full, shut down, or read-only.
type volume struct {
	t     *testing.T
	kind  string // ext4 or xfs
	image string
	root  string // mount point
}

// smallest is the size of a volume: mkfs.xfs requires 300 MB. The file is
// sparse.
var smallest = map[string]int64{"ext4": 64 << 20, "xfs": 320 << 20}

// mounted makes a volume and mounts it until the test ends. That requires root;
// otherwise the test is skipped, except in CI.
func mounted(t *testing.T, kind string) *volume {
	t.Helper()
	mkfs := installed(t, "mkfs."+kind)
	if os.Getuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root can mount")
	}
	dir := t.TempDir()
	v := &volume{t: t, kind: kind, image: filepath.Join(dir, "image"), root: filepath.Join(dir, "volume")}
	if err := os.WriteFile(v.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(v.image, smallest[kind]); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(v.root, 0o700); err != nil {
		t.Fatal(err)
	}
	v.tool(mkfs, "-q", v.image)
	v.mount()
	t.Cleanup(func() {
		if err := syscall.Unmount(v.root, 0); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL means that it is not mounted
			t.Errorf("unmount: %v", err)
		}
	})
	return v
}

func (v *volume) in(name string) string { return filepath.Join(v.root, name) }

// tool runs a program, which must succeed.
func (v *volume) tool(name string, args ...string) {
	v.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		v.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (v *volume) mount(options ...string) {
	v.t.Helper()
	v.tool("mount", "-t", v.kind, "-o", strings.Join(append([]string{"loop"}, options...), ","), v.image, v.root)
}

// unmount unmounts the volume. No process may be using it.
func (v *volume) unmount() {
	v.t.Helper()
	if err := syscall.Unmount(v.root, 0); err != nil {
		v.t.Fatalf("unmount %s: %v", v.root, err)
	}
}

// check replays the volume's own journal and checks the file system. The volume
// must not be mounted.
func (v *volume) check() {
	v.t.Helper()
	if v.kind == "xfs" { // the journal is replayed by a mount
		v.mount()
		v.unmount()
		v.tool("xfs_repair", "-n", v.image)
		return
	}
	out, err := exec.Command("e2fsck", "-p", "-f", v.image).CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == 1 { // it corrected something
		err = nil
	}
	if err != nil {
		v.t.Fatalf("e2fsck: %v\n%s", err, out)
	}
}

const (
	// goingDown is the ioctl that shuts down xfs and, under another name, ext4.
	goingDown = 0x8004587d
	// withoutLog discards the part of the journal that is in memory, which is the
	// closest to a disk that disappears.
	withoutLog = 2
)

// shutdown ends the volume while it is in use: every further operation fails,
// and what has not reached the disk is lost.
func (v *volume) shutdown() {
	v.t.Helper()
	f, err := os.Open(v.root)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(withoutLog)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), goingDown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		v.t.Fatalf("shut %s down: %v", v.root, errno)
	}
}

// snapshot saves what is on the disk, while the volume is mounted.
func (v *volume) snapshot() {
	v.t.Helper()
	v.tool("cp", "--sparse=always", v.image, v.image+".snapshot")
}

// revert restores the disk from the snapshot. The volume must not be mounted.
func (v *volume) revert() {
	v.t.Helper()
	if err := os.Rename(v.image+".snapshot", v.image); err != nil {
		v.t.Fatal(err)
	}
}

// fill takes every remaining byte with a file that is unrelated to the server.
func (v *volume) fill() {
	v.t.Helper()
	f, err := os.OpenFile(v.in("filler"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		v.t.Fatal(err)
	}
	for size := int64(256 << 20); size >= 512; {
		switch err := syscall.Fallocate(int(f.Fd()), 0, end, size); {
		case err == nil:
			end += size
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case !errors.Is(err, syscall.EINTR):
			v.t.Fatal(err)
		}
	}
}

// release frees the given number of bytes taken by fill.
func (v *volume) release(bytes int64) {
	v.t.Helper()
	info, err := os.Stat(v.in("filler"))
	if err == nil {
		err = os.Truncate(v.in("filler"), info.Size()-bytes)
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

// kinds runs a test on every kind of file system.
func kinds(t *testing.T, test func(t *testing.T, v *volume)) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // it waits for the disk most of the time
			test(t, mounted(t, kind))
		})
	}
}
