// Package topic is one topic: its records, its config, the seqs that a write gets,
// and what a reader sees. The package topics has all of them, and what concerns
// several.
//
// A Topic has two halves. What has been given out (given) runs ahead: a write is
// assigned its seqs there when its frame gets its place in the log. What is
// published follows: it is what readers see, and only operations and time change it.
// An Operation is what an entry of the log does. A live write and its replay run the
// same one, so that a replayed topic equals the topic that was.
//
// # The path of a write
//
// AssignLocked checks a write, gives it its seqs and its place in the log, and puts
// its Commit at the end of the topic's line. With no lock held, Commit.Finish waits
// for what the durability class promises, and publishes from the front of the line:
// head, index, counts and waiting readers move together. A topic publishes in the
// order of its seqs, so a write waits for its own condition and for those of earlier
// writes to the same topic, and for nothing else.
//
// # Locks
//
// Topic.Mu guards a topic. A method with the suffix Locked needs it held by the
// caller. So do the methods of given, published and the structs in them. Package
// topics has the order of all locks.
package topic
