// Package manage has the commands that list, show, change and delete topics and
// routers.
package manage
