package topics

import (
	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/topic"
)

// NewSubscriber returns a subscriber without subscriptions. Its Close releases
// it.
func (r *Registry) NewSubscriber() *follow.Subscriber { return r.subscriptions.NewSubscriber() }

// NewRelay returns a subscriber that is not counted; see follow.Hub.NewRelay.
func (r *Registry) NewRelay() *follow.Subscriber { return r.subscriptions.NewRelay() }

// Subscribe subscribes s to the topic, which must exist, and returns its state: s
// gets every change after it. The subscription also covers a later topic of the
// same name.
func (r *Registry) Subscribe(s *follow.Subscriber, name string) (topic.State, error) {
	var state topic.State
	err := s.Subscribe(name, func() (id uint64, err error) {
		state, id, err = r.identify(name)
		return id, err
	})
	return state, err
}

// SubscribePrefix subscribes s to all topics whose names begin with prefix, also
// to those that will be created, of which s gets an event with Created. It
// returns up to limit of those that exist, sorted by name, and whether there are more.
func (r *Registry) SubscribePrefix(s *follow.Subscriber, prefix string, limit int) (present []topic.State, more bool) {
	s.SubscribePrefix(prefix, func() []follow.Topic {
		var ids []uint64
		present, ids, more = r.list(prefix, "", limit)
		list := make([]follow.Topic, len(ids))
		for i, id := range ids {
			list[i] = follow.Topic{Name: present[i].Name, ID: id}
		}
		return list
	})
	return present, more
}

// identify returns the state and the id of a topic.
func (r *Registry) identify(name string) (topic.State, uint64, error) {
	t, err := r.open(name)
	if err != nil {
		return topic.State{}, 0, err
	}
	defer t.Mu.RUnlock()
	return t.StateLocked(r.shared.Now()), t.ID, nil
}
