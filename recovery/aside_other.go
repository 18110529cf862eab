//go:build !linux

package recovery

// standBack does nothing where threads have no priority of their own.
func standBack() {}
