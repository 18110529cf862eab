package catalog

import (
	"context"
	"net/http"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// configView is a config on the wire.
type configView struct {
	record.Config
	Durable bool `json:"durable"`
}

func viewConfig(c record.Config) configView { return configView{c, c.Durable()} }

// PutTopic creates a topic or replaces its config.
func (h *Handlers) PutTopic(c *call.Call) error { return h.configure(c, h.Engine().Put) }

// PatchTopic merges into a topic's config.
func (h *Handlers) PatchTopic(c *call.Call) error { return h.configure(c, h.Engine().Patch) }

func (h *Handlers) configure(
	c *call.Call, apply func(context.Context, string, *record.ConfigPatch) (topics.Configured, error),
) error {
	if err := c.CheckTopic(); err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	patch, err := request.DecodeConfig(body, &c.Notices)
	if err != nil {
		return err
	}
	if err := c.MayConfigure(c.Topic, patch); err != nil {
		return err
	}
	done, err := apply(c.Request.Context(), c.Topic, patch)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if done.Created {
		status = http.StatusCreated
	}
	queues.NoteEviction(c.Topic, &done.Config, &c.Notices)
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	wire.WriteJSON(c, status, struct {
		Topic   string     `json:"topic"`
		Created bool       `json:"created"`
		Config  configView `json:"config"`
	}{c.Topic, done.Created, viewConfig(done.Config)})
	return nil
}

// stateView is a topic's state on the wire.
type stateView struct {
	Topic             string         `json:"topic"`
	Type              record.Type    `json:"type"`
	HeadSeq           uint64         `json:"head_seq"`
	EarliestSeq       uint64         `json:"earliest_seq"`
	NextSeq           uint64         `json:"next_seq"`
	Count             int64          `json:"count"`
	Bytes             int64          `json:"bytes"`
	Config            configView     `json:"config"`
	EffectivePriority int64          `json:"effective_priority"`
	LastWriteTS       *int64         `json:"last_write_ts"`
	LastReadTS        *int64         `json:"last_read_ts"`
	Subscribers       int            `json:"subscribers"`
	Queue             *queues.Counts `json:"queue,omitempty"`
}

func viewState(st *topic.State) stateView {
	return stateView{
		Topic: st.Name, Type: st.Config.Type,
		HeadSeq: st.Head, EarliestSeq: st.Earliest, NextSeq: st.Head + 1,
		Count: st.Count, Bytes: st.Bytes,
		Config:            viewConfig(st.Config),
		EffectivePriority: st.EffectivePriority,
		LastWriteTS:       orNever(st.LastWrite),
		LastReadTS:        orNever(st.LastRead),
		Queue:             queues.CountsOf(st.Queue),
	}
}

// orNever is a time on the wire, null for never.
func orNever(ms int64) *int64 {
	if ms == 0 {
		return nil
	}
	return &ms
}

func (h *Handlers) GetTopic(c *call.Call) error {
	touch, err := c.TopicFlag("touch", true)
	if err != nil {
		return err
	}
	st, err := h.Engine().State(c.Topic, touch)
	if err != nil {
		return err
	}
	view := viewState(&st)
	view.Subscribers = h.Engine().Activity(c.Topic).Subscriptions
	wire.WriteJSON(c, http.StatusOK, view)
	return nil
}

func (h *Handlers) DeleteTopic(c *call.Call) error {
	ifEmpty, err := c.TopicFlag("if_empty", false)
	if err != nil {
		return err
	}
	if err := c.ReadDryRun(); err != nil {
		return err
	}
	if c.Dry {
		what, err := h.Engine().PreviewDelete(c.Topic, ifEmpty)
		if err == nil {
			c.AnswerPreview(&what)
		}
		return err
	}
	gone, err := h.Engine().Delete(c.Request.Context(), c.Topic, ifEmpty)
	if err != nil {
		return err
	}
	c.Cost, c.Costs = gone.Cost, wire.CostWrite
	wire.WriteJSON(c, http.StatusOK, struct {
		Topic          string   `json:"topic"`
		Deleted        bool     `json:"deleted"`
		RoutersRemoved []string `json:"routers_removed"`
	}{c.Topic, gone.Deleted, c.Seen(gone.Routers)})
	return nil
}
