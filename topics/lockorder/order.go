// Package lockorder has the mutexes of package topics, each with its place in the
// order in which a goroutine may lock them.
//
// They are those of package sync. Built with the tag lockorder they also panic
// when a goroutine locks one out of order, whether or not another goroutine is
// there to deadlock with: a test need only come by.
package lockorder

// Rank is the place of a mutex in the order: one of the types in order.
type Rank interface {
	Delivery | Notify | Count | Applied | Topic | References | Registry | Routes | Forwarders | Router | Last
}

// The ranks. The package comment of topics says what each guards.
type (
	Delivery   struct{}
	Notify     struct{}
	Count      struct{}
	Applied    struct{}
	Topic      struct{}
	References struct{}
	Registry   struct{}
	Routes     struct{}
	Forwarders struct{}
	Router     struct{}
	Last       struct{}
)

// order has the ranks as a goroutine may lock them: with one held, only later
// ones, and none of the same rank.
var order = [...]any{
	Delivery{}, Notify{}, Count{}, Applied{}, Topic{}, References{}, Registry{}, Routes{}, Forwarders{}, Router{}, Last{},
}
