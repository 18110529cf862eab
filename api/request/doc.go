// Package request decodes the bodies and query strings of requests into what the
// engine takes: writes, reads, configs, routers and watches. A WebSocket's commands
// use the same decoders. It applies defaults and the limits of requests; the topics
// package checks everything else.
package request
