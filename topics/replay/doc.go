// Package replay brings topics and routers back: from a checkpoint's snapshot and its
// segments, from the frames of the log, and, with a Repairer, from what is left of a
// damaged data directory. It also decodes snapshots for those who only look at them.
//
// What an entry of the log does to topics is its operation, the same one as of the live
// change: see package topic. operationOf has a row for each entry, with what its replay
// and its repair do beside that.
package replay
