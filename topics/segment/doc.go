// Package segment stores records that were moved out of the log in pairs of
// immutable files. A segment holds records of all topics and is written once:
//
//	<id, 16 hex digits>.seg  data: blocks of records
//	<id, 16 hex digits>.idx  index: columns, tag postings, table, footer
//
// The data file may move to another directory. The index stays, so that
// counting, evicting and deleting by tag never read the data.
//
// The package does not interpret records, and does not know the state of topics
// or which segments are in use. Records are added in order: topics by ascending
// id, and within a topic ascending seqs and times that never decrease.
//
// # Format
//
// All integers are little endian. Every byte is covered by an XXH3-64. Both
// files begin with a header of 64 bytes:
//
//	magic 8 | version 4 | zero 4 | log id 8 | segment id 8 | zero 24 | XXH3-64 8
//
// It is followed by frames without gaps. A frame is compressed by itself if
// that makes it smaller:
//
//	magic 4 | stored bytes 4 | raw bytes 4 | codec 4 | sum 8 | stored bytes
//
// sum is over the first 16 bytes and the XXH3-64 of the stored bytes. A frame
// of the data file is a block. Its sum has no seed, so that a block can be
// copied into another segment unchanged. A frame of the index is a page. Its
// sum is seeded by the header's sum plus the page's offset, so that a misplaced
// page is detected.
//
// A block holds runs, each of which has records of one topic:
//
//	topic | count | first seq | first time | records
//	record: seq gap | time delta | length | bytes
//
// All of these are uvarints except the first time, which is a varint. A gap is
// the number of seqs skipped since the previous record.
//
// The index has a page for each extent, which is at most ExtentRecords records
// of one topic: its runs, and one column each for seqs, times and payload
// sizes. Topics with tags have pages that list the seqs of each tag, sorted by
// tag, and one page that is their directory. The table of all extents follows,
// sorted by topic and seq and split into pages, and then the footer:
//
//	magic 8 | table offset 8 | table length 8 | records 8 | payload bytes 8 |
//	topics 8 | extents 8 | data length 8 | XXH3-64 8, seeded by the header's sum
package segment
