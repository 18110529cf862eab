package vfs

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// shareAll lets other handles of a file read, write, rename and remove it, as on
// other systems.
const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

const syncName = "FlushFileBuffers"

// datasync makes the bytes of a file and its metadata durable, through the cache of
// the drive.
func datasync(fd uintptr) error { return windows.FlushFileBuffers(windows.Handle(fd)) }

// open is os.OpenFile for the flags of this package, but files can be renamed and
// removed while they are open. The handle that creates a file writes through: NTFS
// then has its directory entry on disk when it returns.
func open(name string, flag int) (*os.File, error) {
	access, disposition := uint32(windows.GENERIC_READ), uint32(windows.OPEN_EXISTING)
	if flag&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
	attributes := uint32(windows.FILE_ATTRIBUTE_NORMAL)
	if flag&noFollow != 0 {
		attributes |= windows.FILE_FLAG_OPEN_REPARSE_POINT
	}
	if flag&os.O_CREATE != 0 {
		disposition = windows.OPEN_ALWAYS
		if flag&os.O_EXCL != 0 {
			disposition = windows.CREATE_NEW
		}
		made, err := createFile(name, access, disposition, attributes|windows.FILE_FLAG_WRITE_THROUGH)
		if err != nil {
			return nil, pathError("open", name, err)
		}
		// What is written to the file later waits for its sync.
		defer windows.CloseHandle(made)
		disposition = windows.OPEN_EXISTING
	}
	h, err := createFile(name, access, disposition, attributes)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return os.NewFile(uintptr(h), name), nil
}

func createFile(name string, access, disposition, attributes uint32) (windows.Handle, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	return windows.CreateFile(p, access, shareAll, nil, disposition, attributes, 0)
}

// metadataHandle opens a file to remove or rename it. NTFS has the change on disk
// when it returns, because the handle writes through.
func metadataHandle(name string) (windows.Handle, error) {
	return createFile(name, windows.DELETE|windows.SYNCHRONIZE, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_WRITE_THROUGH)
}

// unlink removes a file at once, although handles of it are open. File systems that
// cannot do that, such as FAT, keep the name until the last handle is closed.
func unlink(name string) error {
	h, err := metadataHandle(name)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	flags := uint32(windows.FILE_DISPOSITION_DELETE | windows.FILE_DISPOSITION_POSIX_SEMANTICS)
	err = windows.SetFileInformationByHandle(h, windows.FileDispositionInfoEx, (*byte)(unsafe.Pointer(&flags)), uint32(unsafe.Sizeof(flags)))
	if !unsupported(err) {
		return err
	}
	remove := byte(1)
	return windows.SetFileInformationByHandle(h, windows.FileDispositionInfo, &remove, 1)
}

// rename replaces newname although handles of it are open. File systems that cannot
// do that refuse to replace an open file.
func rename(oldname, newname string) error {
	h, err := metadataHandle(oldname)
	if err != nil {
		return pathError("rename", oldname, err)
	}
	full, err := windows.FullPath(newname)
	if err == nil {
		err = renameTo(h, full)
	}
	windows.CloseHandle(h)
	if unsupported(err) {
		err = moveFile(oldname, newname)
	}
	return pathError("rename", newname, err)
}

// renameTo renames the file of h, as FILE_RENAME_INFO has it: flags, the handle of a
// directory, which is 0, the length of the name in bytes, and the name.
func renameTo(h windows.Handle, full string) error {
	name, err := windows.UTF16FromString(full)
	if err != nil {
		return err
	}
	const pointer = int(unsafe.Sizeof(uintptr(0)))
	info := make([]byte, 2*pointer, 2*pointer+4+2*len(name))
	binary.NativeEndian.PutUint32(info, windows.FILE_RENAME_REPLACE_IF_EXISTS|windows.FILE_RENAME_POSIX_SEMANTICS)
	info = binary.NativeEndian.AppendUint32(info, uint32(2*(len(name)-1)))
	for _, unit := range name {
		info = binary.NativeEndian.AppendUint16(info, unit)
	}
	return windows.SetFileInformationByHandle(h, windows.FileRenameInfoEx, &info[0], uint32(len(info)))
}

func moveFile(oldname, newname string) error {
	from, err := windows.UTF16PtrFromString(oldname)
	if err != nil {
		return err
	}
	to, err := windows.UTF16PtrFromString(newname)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// unsupported reports whether a file system or an old system does not know a request.
func unsupported(err error) bool {
	return oneOf(err, []syscall.Errno{
		windows.ERROR_INVALID_PARAMETER, windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_CALL_NOT_IMPLEMENTED,
	})
}

// syncDir flushes a directory. Windows does not say what that makes durable: that
// entries are is the work of the handles that change them. So a file system that
// has nothing to flush for a directory is no failure.
func syncDir(dir string) error {
	h, err := createFile(rooted(dir), windows.GENERIC_READ|windows.GENERIC_WRITE, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return pathError("open", dir, err)
	}
	defer windows.CloseHandle(h)
	err = windows.FlushFileBuffers(h)
	if unsupported(err) || errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_INVALID_HANDLE) {
		return nil
	}
	return pathError(syncName, dir, err)
}

// rooted returns the root of a drive for its name: C: alone is the current
// directory of that drive.
func rooted(dir string) string {
	if len(dir) == 2 && dir[1] == ':' {
		return dir + "/"
	}
	return dir
}

func statfs(dir string) (free, total uint64, err error) {
	p, err := windows.UTF16PtrFromString(rooted(dir))
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(p, &free, &total, nil)
	return free, total, err
}
