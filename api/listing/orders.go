// Package listing keeps the order of a sorted listing from one page to the next, and
// turns its pages.
//
// What a listing is sorted by moves while a client turns the pages. The order is
// made once, for the first page, and kept as a list of names: a name that moves is
// not on two pages, and none falls between them.
package listing

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"
)

// TTL is how long an order is kept after its last page.
const TTL = 5 * time.Minute

// An order that took longer than costly is also given to other clients who ask for the
// first page of the same listing, for as long as sharing times what it took.
const (
	costly    = 5 * time.Millisecond
	sharing   = 20
	mostShare = time.Second
)

// Order is a listing's names as they were sorted. It must not be modified.
type Order struct {
	ID    string
	Names []string

	listing, owner string
	made           time.Time
	took           time.Duration
	until          time.Time // when it is given up, without another page
	place          *list.Element
}

// size returns the bytes that an order takes. The names are those of topics that are in
// memory anyway.
func (o *Order) size() int64 { return int64(len(o.Names))*16 + 512 }

// Orders holds the orders that pages may still be asked of. Its methods may be called
// from any goroutine.
type Orders struct {
	limit  int64
	take   func(bytes int64) error
	give   func(bytes int64)
	sorter chan struct{} // capacity 1: holds a token while an order is made

	mu     sync.Mutex // guards what follows
	byID   map[string]*Order
	recent map[string]*Order // by listing, the last one that was made
	used   list.List         // of *Order, the one without a page for longest first
	bytes  int64
	sweep  *time.Timer // fires when the first of used is due; nil until it is first set
}

// NewOrders returns an empty set of orders of up to limit bytes, or one order that is
// larger. Memory for them is asked of take, and given back by give.
func NewOrders(limit int64, take func(bytes int64) error, give func(bytes int64)) *Orders {
	return &Orders{
		limit: limit, take: take, give: give, sorter: make(chan struct{}, 1),
		byID: map[string]*Order{}, recent: map[string]*Order{},
	}
}

// Begin returns an order for the first page of a listing: a recent one, or what sort
// returns. owner is who asks, and empty if all are the same. Only one sort runs at a time.
func (o *Orders) Begin(ctx context.Context, listing, owner string, sort func(context.Context) ([]string, error)) (*Order, error) {
	select {
	case o.sorter <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-o.sorter }()
	if shared := o.share(listing); shared != nil {
		return shared, nil
	}
	began := time.Now()
	names, err := sort(ctx)
	if err != nil {
		return nil, err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	n := &Order{ID: hex.EncodeToString(id[:]), Names: names, listing: listing, owner: owner, made: time.Now()}
	n.took = n.made.Sub(began)
	return n, nil
}

// share returns an order of the listing that is recent, or nil.
func (o *Orders) share(listing string) *Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.recent[listing]
	if n == nil || n.took < costly || time.Since(n.made) > min(sharing*n.took, mostShare) {
		return nil
	}
	return n
}

// Keep keeps an order for its next page, until no page was asked for in TTL. It gives
// up others if there is no room.
func (o *Orders) Keep(n *Order) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n.place != nil {
		o.usedLocked(n)
		return nil
	}
	size := n.size()
	for o.bytes+size > o.limit && o.used.Len() > 0 {
		o.dropLocked(o.victimLocked(n))
	}
	err := o.take(size)
	for err != nil && o.used.Len() > 0 {
		o.dropLocked(o.victimLocked(n))
		err = o.take(size)
	}
	if err != nil {
		return err
	}
	o.bytes += size
	o.byID[n.ID], o.recent[n.listing] = n, n
	n.place = o.used.PushBack(n)
	o.usedLocked(n)
	return nil
}

// victimLocked returns the order that makes room for n: the owner's own if it has more than a
// quarter of what there may be, and else the one without a page for longest.
func (o *Orders) victimLocked(n *Order) *Order {
	own := n.size()
	var first *Order
	for e := o.used.Front(); e != nil; e = e.Next() {
		other := e.Value.(*Order)
		if other.owner != n.owner {
			continue
		}
		own += other.size()
		if first == nil {
			first = other
		}
	}
	if first != nil && own > o.limit/4 {
		return first
	}
	return o.used.Front().Value.(*Order)
}

// Find returns the order with an id, for another page of its listing. It returns nil if that is
// not kept.
func (o *Orders) Find(id, listing string) *Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.byID[id]
	if n == nil || n.listing != listing {
		return nil
	}
	o.usedLocked(n)
	return n
}

// usedLocked gives an order its whole time again.
func (o *Orders) usedLocked(n *Order) {
	n.until = time.Now().Add(TTL)
	o.used.MoveToBack(n.place)
	if o.used.Len() > 1 {
		return // the timer is set for one before
	}
	if o.sweep == nil {
		o.sweep = time.AfterFunc(TTL, o.expire)
	} else {
		o.sweep.Reset(TTL)
	}
}

// expire drops the orders that are due.
func (o *Orders) expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for e := o.used.Front(); e != nil; e = o.used.Front() {
		n := e.Value.(*Order)
		left := n.until.Sub(now)
		if left > 0 {
			o.sweep.Reset(left)
			return
		}
		o.dropLocked(n)
	}
}

func (o *Orders) dropLocked(n *Order) {
	delete(o.byID, n.ID)
	if o.recent[n.listing] == n {
		delete(o.recent, n.listing)
	}
	o.used.Remove(n.place)
	n.place = nil
	o.bytes -= n.size()
	o.give(n.size())
}

// Clear gives up all orders.
func (o *Orders) Clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for e := o.used.Front(); e != nil; e = o.used.Front() {
		o.dropLocked(e.Value.(*Order))
	}
	if o.sweep != nil {
		o.sweep.Stop()
	}
}

// Len returns how many orders are kept, and the bytes that they take.
func (o *Orders) Len() (orders int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byID), o.bytes
}
