package vfs_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// notInWine are tests of what Wine 8 has not: names of open files that are free at
// once, and symbolic links.
const notInWine = `TestConformance/os/(remove|rename|lock)$|TestOpenFilesAreReplaced`

var inWine = flag.Bool("wine", false, "run the tests for Windows in Wine")

// TestWindowsInWine runs this package's tests for Windows.
func TestWindowsInWine(t *testing.T) {
	if !*inWine {
		t.Skip("needs -wine")
	}
	wine, err := exec.LookPath("wine")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "vfs.exe")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	env := append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "wine"), "WINEDEBUG=-all", "WINEDLLOVERRIDES=bcryptprimitives=n;mscoree,mshtml=")
	in := func(program string, args ...string) ([]byte, error) {
		ctx := t.Context()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = env
		cmd.WaitDelay = time.Second // services of Wine keep the output open
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.Bytes(), err
	}
	out, err = in(wine, "wineboot", "-i")
	if err != nil && err != exec.ErrWaitDelay {
		t.Fatalf("%v: %s", err, out)
	}
	defer func() { _, _ = in("wineserver", "-k") }() // it may have ended by itself
	system := filepath.Join(dir, "wine/drive_c/windows/system32")
	err = os.WriteFile(filepath.Join(system, "bcryptprimitives.dll"), randomLibrary(), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	out, err = in(wine, binary, "-test.v", "-test.run", "^(TestConformance|TestErrorKinds|TestLockedErrorText|TestBackslashes)$", "-test.skip", notInWine)
	if err != nil && err != exec.ErrWaitDelay || !bytes.Contains(out, []byte("--- PASS: TestConformance/os/hold")) {
		t.Fatalf("%v: %s", err, out)
	}
}

// randomLibrary returns the library of Windows from which the runtime of Go has its
// random numbers, which Wine 8 lacks: a file of one export, ProcessPrng, which is
// forwarded to the function of advapi32 with the same parameters.
func randomLibrary() []byte {
	const at = 0x1000 // where the section is in memory
	names := []string{"bcryptprimitives.dll\x00", "ADVAPI32.SystemFunction036\x00", "ProcessPrng\x00"}
	library := uint32(at + 40 + 12)
	target := library + uint32(len(names[0]))
	export := target + uint32(len(names[1]))
	le := binary.LittleEndian
	var section []byte
	for _, v := range []uint32{0, 0, 0, library, 1, 1, 1, at + 40, at + 44, at + 48, target, export, 0} {
		section = le.AppendUint32(section, v)
	}
	for _, name := range names {
		section = append(section, name...)
	}
	file := append(make([]byte, 0, 0x400), "MZ"...)
	file = append(file, make([]byte, 58)...)
	file = le.AppendUint32(file, 64)
	file = append(file, "PE\x00\x00"...)
	for _, v := range []uint16{0x8664, 1, 0, 0, 0, 0, 0, 0, 240, 0x2022} { // amd64, one section, a library
		file = le.AppendUint16(file, v)
	}
	file = le.AppendUint16(file, 0x20b) // a 64-bit image
	file = append(file, 14, 0)
	for _, v := range []uint32{0, 0x200, 0, 0, at, 0x80000000, 1, at, 0x200, 6, 0, 6, 0, 0x2000, 0x200, 0, 0x01600003,
		0x100000, 0, 0x1000, 0, 0x100000, 0, 0x1000, 0, 0, 16, at, uint32(len(section))} {
		file = le.AppendUint32(file, v)
	}
	file = append(file, make([]byte, 15*8)...) // the other directories of the image
	file = append(file, ".rdata\x00\x00"...)
	for _, v := range []uint32{uint32(len(section)), at, 0x200, 0x200, 0, 0, 0, 0x40000040} {
		file = le.AppendUint32(file, v)
	}
	file = append(file, make([]byte, 0x200-len(file))...)
	file = append(file, section...)
	return append(file, make([]byte, 0x400-len(file))...)
}
