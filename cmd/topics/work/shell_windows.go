package work

import "os"

// shell runs the command that follows it. It is not cmd.exe, which has quotes of its
// own that no program can write for it.
var shell = []string{"powershell.exe", "-NoProfile", "-NonInteractive", "-Command"}

// passed are the signals that the commands get as they come: here there are none.
var passed []os.Signal
