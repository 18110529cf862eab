package main

import "golang.org/x/sys/windows"

const errAddressInUse = windows.WSAEADDRINUSE

// signalCommands are none: Windows has no signals. A server reads a file of keys again
// when it has changed.
type signalCommands struct{}
