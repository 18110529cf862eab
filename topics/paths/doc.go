// Package paths follows records from topic to topic: the path that a forwarded
// record carries, and how many paths the graph of routers has for it.
package paths
