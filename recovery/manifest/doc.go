// Package manifest reads and writes what a data directory says about itself:
//
//	MANIFEST, MANIFEST.prev   the log's id, the boot that wrote it, and the checkpoints
//	checkpoints/N.state       the snapshot of checkpoint N: the state of all topics
//	RESERVE...                space kept for these files on a full disk
//	COLD_DIR/OWNER            the data directory that a cold directory belongs to
//
// A Manifest names two checkpoints. A checkpoint consists of its snapshot, its
// segments and the log from its start on. A file that neither checkpoint names
// is garbage. Every change of what is in use is therefore one replacement of
// MANIFEST, which a crash leaves old or new, and never incomplete.
//
// The package holds no locks: the one that has the data directory's lock may
// write, one goroutine at a time.
package manifest
