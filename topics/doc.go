// Package topics holds the topics: what is in them, what their configs say,
// what a write is given and what a reader sees.
//
// # The way of a write
//
// Append encodes the records, then, under the topic's lock, assigns the seqs
// and puts one frame at the log's tail: the order of a topic's seqs is the
// order of its frames. Then it waits, with no lock held, for what the topic's
// durability class promises, and publishes: head, index, counts and waiting
// readers move together. A topic publishes in seq order, so a write waits for
// its own condition and for the earlier writes of its own topic, and for
// nothing else.
//
// Config changes and deletes of records take the same way, so they have their
// place among the writes. Ends of topics and changes of routers have one in the
// log too, and are shown when they are durable: see changes.go. All of them get
// their place in propose, which reserves room in the log first. What an entry of
// the log does is its operation, and only that: a live write and its replay run
// the same one. Package entry has the entries, operationOf what each does.
//
// # Locks
//
// A goroutine that holds a lock takes only locks that stand below it here:
//
//	deliveries.step    the dispatcher's queue; held by the goroutine that delivers
//	following.telling  the order in which subscribers are notified
//	routing.counting   held while ways are counted; never with a topic's lock
//	topic.mu           what has been given out of a topic, and what is published
//	Registry.refs      where references may begin; a checkpoint moves it
//	Registry.mu        names, ids, and the changes that are not shown yet
//	routes.mu          whether a goroutine forwards from a topic
//	forwarders.mu      the routers that wait, and the end of forwarding
//	router.mu          a router's cursor, and whether it can be seen
//
// The locks of following, of a subscriber, of deliveries, the sweeper, configs
// and the clock come last, as the log's own does, which Append takes: with one of
// them held no other lock is taken.
//
// A topic's lock may be held for long: by a batch of deletes, or by an eviction
// that reads pages of segments' indexes, which are small, cached, and never in the
// cold directory. Nothing else waits for the disk with a lock held. All other
// locks are those of every topic, so no goroutine waits for a topic's lock with
// any of them held; one that needs both takes the topic's first, and then looks
// whether the topic is still the one of its name. The lock of a topic that only
// its maker knows is never waited for.
//
// Fields stand below the lock that guards them.
package topics
