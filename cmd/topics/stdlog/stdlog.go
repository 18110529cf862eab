// Package stdlog silences the standard logger. Some libraries log during their
// initialization, for example about a missing kernel feature, and every command
// would print that. A package that imports only the standard library is
// initialized before packages that import more, so importing this one is
// sufficient.
package stdlog

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
