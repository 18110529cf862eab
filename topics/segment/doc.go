// Package segment keeps records that have left the log in pairs of immutable
// files, shared by all topics and written once:
//
//	<id, 16 hex digits>.seg  data: blocks of records
//	<id, 16 hex digits>.idx  index: columns, tag postings, table, footer
//
// The data file may move to another directory. The index stays, so that
// counting, evicting and deleting by tag never touch the data.
//
// The package knows nothing of what is in a record, of the state of a topic,
// or of which segments are in use. Records come in order: topics by rising id,
// in a topic rising seqs and times that never fall.
//
// # Format
//
// All integers are little endian. Every byte is covered by an XXH3-64. Both
// files begin with a header of 64 bytes:
//
//	magic 8 | version 4 | zero 4 | log id 8 | segment id 8 | zero 24 | XXH3-64 8
//
// What follows are frames, one behind the other, each compressed by itself
// where that makes it smaller:
//
//	magic 4 | stored bytes 4 | raw bytes 4 | codec 4 | sum 8 | stored bytes
//
// sum is over the first 16 bytes and the XXH3-64 of the stored bytes. A frame
// of the data file is a block. Its sum has no seed, so that a block can be
// copied into another segment as it is. A frame of the index is a page. Its
// sum is seeded by the header's sum and the page's offset, so that a page is
// known to be at its place.
//
// A block holds runs, records of one topic each:
//
//	topic | count | first seq | first time | records
//	record: seq gap | time delta | length | bytes
//
// All of these are uvarints but the first time, which is a varint. A gap is
// the number of seqs left out since the record before.
//
// The index has a page for each extent, at most ExtentRecords records of one
// topic: its runs and one column each for seqs, times and payload sizes. Topics
// with tags have pages of tags with their seqs, sorted by tag, and one page
// that is their directory. Behind them stand the table of all extents, sorted
// by topic and seq and cut into pages, and the footer:
//
//	magic 8 | table offset 8 | table length 8 | records 8 | payload bytes 8 |
//	topics 8 | extents 8 | data length 8 | XXH3-64 8, seeded by the header's sum
package segment
