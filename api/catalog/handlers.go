// Package catalog has the routes of which topics and routers there are: they are made,
// configured, shown, listed and deleted here. What is in topics is not its subject.
package catalog

import (
	"context"

	"github.com/e6e95bb8/topics/api/listing"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Handlers has a method for each route, and what these need of the server.
type Handlers struct {
	// Engine returns what the handlers work on. No route is served before the server has one.
	Engine func() Engine
	Orders *listing.Orders // of sorted listings
}

// Engine is what the handlers ask for.
type Engine interface {
	Topics
	Routing
}

// Topics is what the routes of topics need of the topics registry.
type Topics interface {
	Put(ctx context.Context, name string, p *record.ConfigPatch) (topics.Configured, error)
	Patch(ctx context.Context, name string, p *record.ConfigPatch) (topics.Configured, error)
	State(name string, touch bool) (topic.State, error)
	List(prefix, after string, limit int) (page []topic.State, more bool)
	CountTopics(prefixes []string) int
	SortTopics(ctx context.Context, s *topics.Selection, by topics.SortKey, descending bool) ([]string, error)
	Activity(name string) topic.Activity
	Delete(ctx context.Context, name string, ifEmpty bool) (topics.Removal, error)
	PreviewDelete(name string, ifEmpty bool) (topics.Preview, error)
	Totals() topic.Totals
}

// Routing is what the routes of routers need.
type Routing interface {
	PutRouter(ctx context.Context, name string, spec router.Spec) (topics.RouterPut, error)
	Router(name string) (router.State, error)
	Routers(prefix, source, dest, after string, limit int) (page []router.State, more bool)
	SortRouters(ctx context.Context, prefixes []string, wanted func(*router.Spec) bool, by topics.SortKey, descending bool) ([]string, error)
	DeleteRouter(ctx context.Context, name string) (deleted bool, cost topic.Cost, err error)
}
