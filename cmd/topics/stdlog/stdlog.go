// Package stdlog keeps the standard logger quiet. Libraries write to it while
// they are being initialised, about things like a missing kernel feature, and
// every command of this program would print that. A package that imports
// nothing but the standard library is initialised before those that wait for
// others, so importing this one is enough.
package stdlog

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
