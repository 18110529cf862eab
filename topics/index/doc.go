// Package index locates the live records of a topic.
//
// Records come in through the log, and a checkpoint moves them to segments. So a
// topic has a History for the records in segments, and a Log for those after
// them, together with their Tags. The Log also holds ephemeral records, which
// are in memory only. A SeqSet has the seqs deleted in the middle of a topic: they
// stay in the other structures until the records before them have gone. Keys holds the
// topic's idempotency keys.
//
// Nothing here locks or logs. All methods need the lock of the topic that owns the
// structure; views, frames and slices of extents may be read without it.
package index
