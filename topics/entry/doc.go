// Package entry holds the entries of the log: one Go type for each, with its
// encoding, and one table that names them all.
//
// The log stores frames, each with a type number and a payload. An entry is
// what such a frame says. Its payload is what Encode appends, followed by the
// encoded records of those entries that carry any. Numbers are varints, times
// are zigzag varints in Unix milliseconds, and strings have a varint length
// before them; docs/format.md has the whole of it.
//
// # Adding an entry
//
//   - One type in a file here: a struct with the methods of Entry. Its decode
//     sets every field, because a Decoder uses an entry again, and fails for
//     every payload that Encode would not have made. Data directories outlive
//     the program: a payload is never changed, a new flag or a new type is added.
//   - One row in the table, with the next free number. A number is never used
//     again.
//   - One row in operationOf of package replay: what the entry does to the topics, live, in
//     a replay and in a repair.
//   - One sample with its golden bytes in this package's tests, and one row in
//     docs/format.md.
package entry
