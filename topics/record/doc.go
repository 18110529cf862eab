// Package record holds what a topic is made of: a record and its encoding in
// log frames and segments, a topic's config and durability class, the names of
// topics, the predicate on tags, and the errors that every package of topics
// returns. It depends on no other package of this module.
package record
