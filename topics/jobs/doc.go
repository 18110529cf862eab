// Package jobs has what clients do with queues: claims and workers, acks and what
// follows from them, other calls on jobs, lists, dead letters. What a queue decides is
// in package queue, and what the log keeps of that in package topic.
//
// A claim or a worker stands in the line of its queue, and ServeLocked, which follows
// every change of a queue, gives it what is ready. One goroutine, the keeper, does so
// when time passes; another moves jobs to their dead-letter topics.
//
// What removes records of one topic and appends to others is one frame of the log, a
// settling: see settle.go. It is placed with the locks of all its topics held, which
// are taken in the order of their ids.
package jobs
