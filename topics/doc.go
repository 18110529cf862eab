// Package topics holds the topics and the routers between them, and does what
// concerns several of them, or time: making routers, delivery, sweeps, checkpoints.
// Package topic is one topic, and has the path of a write; package catalog has their
// names, package jobs what clients do with queues, and package replay brings all of it
// back.
//
// # Changes
//
// Config changes and deletes of records take the same path, so they have a place
// among the writes. The deletion of a topic and changes of routers have a place in
// the log too, and become visible when they are durable: see package changes. All of
// them get their place in propose, which first reserves room in the log. What an
// entry of the log does is its operation: a live write and its replay run the same
// one. Package entry has the entries, and package replay how each is replayed.
//
// # Locks
//
// A goroutine that holds a lock may only take locks further down in this list, and
// none of the same rank. Package lockorder has the ranks; with the build tag
// lockorder it checks every lock of every test.
//
//	Delivery    deliveries.step: the queue of the goroutine that delivers
//	Notify      follow.Hub.notifying: the order in which subscribers are notified
//	Count       router.Table.Counting: one count of paths at a time
//	Applied     topic.Shared.Applying: the position up to which everything is applied
//	Topic       topic.Topic.Mu: the seqs that a topic has given out, and what it has published
//	References  router.Forwarders.References: where references to frames may begin; checkpoints move it
//	Registry    Catalog.Mu: names, ids, and changes that are not visible yet
//	Routes      router.routes: whether a goroutine forwards from a topic
//	Forwarders  router.Forwarders: blocked routers, and the end of forwarding
//	Router      router.Router.Mu: a router's cursor, and whether it is visible
//	Last        all others: of deliveries, the sweeper, configs, the hub, a subscriber
//
// The log's own locks come after all of these.
//
// A frame of the log that concerns several topics is placed with the locks of all of
// them held, which are taken in the order of the topics' ids; see package jobs.
//
// A topic's lock may be held for long: by a batch of deletes, or by an eviction
// that reads pages of the segments' indexes, which are small, cached, and never in
// the cold directory. Nothing else waits for the disk with a lock held. Every lock
// after it is shared by all topics, so no goroutine waits for a topic's lock with
// one of them held: it takes the topic's lock first, and then checks that the name
// still refers to that topic. A topic that is being created needs no lock until
// Catalog.Mu is released, because no other goroutine can find it.
//
// Fields follow the lock that guards them. A method with the suffix Locked needs
// its lock held by the caller.
package topics
