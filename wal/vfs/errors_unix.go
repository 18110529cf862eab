//go:build unix

package vfs

import "syscall"

var noSpace = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}

var temporary = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR,
	syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ESTALE, syscall.ETIMEDOUT,
}
