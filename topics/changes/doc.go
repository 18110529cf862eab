// Package changes has what has its place in the log and is not shown to readers yet.
//
// The end of a topic, the end of a router, and a router that is made or becomes
// another have their place in the log before they are durable. Until they are,
// readers see what was before, what comes after under the same name waits, and
// what ends takes nothing any more. If the log fails first, readers go on seeing
// what was before: the log is read-only then.
//
// Changes of routers are shown in the order of the log. It takes the
// catalog's lock only. To show the end of a topic takes that topic's lock, so the
// goroutine that waits for it shows it, after the changes of routers before it, and no
// other change waits for it: what has to do with a topic that ends, or with a router
// of it, gets no place before the end is shown.
package changes
