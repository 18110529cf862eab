// Package recovery brings a data directory back to use after a stop, a crash or
// a power cut.
//
//	Lock -> Examine -> manifest -> Restore -> replay -> settle -> serve
//	                      |           |         |         |
//	                      |           |         |         lost ranges into the log,
//	                      |           |         |         then this boot into the manifest
//	                      |           |         the log from the checkpoint on
//	                      |           the snapshot and the segments' tables
//	                      MANIFEST, or MANIFEST.prev if that is damaged
//
// A start is refused if it would lose acknowledged records silently. What is
// lost for certain, such as records of the memory class after a power cut,
// becomes lost ranges, which readers see and the Report lists.
//
// The package keeps the start only. Its rooms:
//
//	manifest  the manifest, checkpoints, snapshots, reserves, the cold directory's owner
//	store     the data directory in use: checkpoints, compaction, cold tier, archive, scrub
//	health    the gate, health checks and the watchdog, which api imports
//	backup    copies of a data directory, and restoring one
//	inspect   looking at a data directory without changing it
//	repair    making a damaged data directory whole
//
// A process owns a data directory by a lock on the directory itself (see Lock),
// from before anything is read until after everything is closed. Run does one
// step after the other in one goroutine; the goroutines of the store begin when
// it has ended.
package recovery
