"""Iterators over what happens to topics."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, TypeVar, Union

from ._caller import encode, parameters, quote
from ._decode import decode, parse
from ._http import Call, Stream, Transport
from ._retry import Attempts, Policy, resumable
from ._sse import Message, fault
from .errors import ApiError, RecordsLost, TopicsError, UnexpectedAnswer
from .types import Batch, CaughtUp, Event, Records, Start, Tombstone, TopicDeleted

OnLoss = Callable[[Tombstone], None]
Starts = Mapping[str, Start]
S = TypeVar("S", bound="Subscription")

# How long one poll of Follow waits at the server, which allows no more.
FOLLOW_WAIT_MS = 30_000
# The server's default heartbeat, and the bounds that it applies to others.
HEARTBEAT_MS, SHORTEST_HEARTBEAT_MS, LONGEST_HEARTBEAT_MS = 15_000, 1_000, 60_000


class Subscription(Iterator[Event]):
    """An endless iterator over events, in order. Each record comes once.

    Where records are lost, on_loss is called with the tombstone; without it the
    iterator raises RecordsLost, and its next event is what follows the gap. Any
    other error ends it. The loop that uses it may be left at any time; close ends
    it from another thread too."""

    def __init__(self, on_loss: Optional[OnLoss]) -> None:
        self._on_loss = on_loss
        self._closed = threading.Event()
        self._events = self._run()

    def _run(self) -> Iterator[Union[Event, Tombstone]]:
        raise NotImplementedError

    def __next__(self) -> Event:
        while True:
            if self._closed.is_set():
                raise StopIteration
            try:
                event = next(self._events)
            except TopicsError:
                if self._closed.is_set():
                    raise StopIteration from None
                raise
            if not isinstance(event, Tombstone):
                return event
            if self._on_loss is None:
                raise RecordsLost(event)
            self._on_loss(event)

    def close(self) -> None:
        """Ends the iterator, also while it waits."""
        self._closed.set()

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Follow(Subscription):
    """Follows one topic by long polls. It ends at the latest when the poll does that
    is under way when it is closed."""

    def __init__(
        self, topic: str, from_seq: int, read: Callable[[int, int, OnLoss], Batch], on_loss: Optional[OnLoss]
    ) -> None:
        self._topic, self._read = topic, read
        #: The last seq accounted for.
        self.cursor = from_seq
        super().__init__(on_loss)

    def _run(self) -> Iterator[Union[Event, Tombstone]]:
        at_end = False
        while not self._closed.is_set():
            batch = self._read(self.cursor, FOLLOW_WAIT_MS if at_end else 0, lambda _: None)
            # A poll that brought nothing has not left the end.
            news = not at_end or batch.next_from_seq != self.cursor or batch.tombstone is not None
            before, self.cursor, at_end = self.cursor, batch.next_from_seq, batch.caught_up
            if batch.tombstone is not None:
                yield batch.tombstone
            if batch.records:
                yield Records(self._topic, batch.records, before, batch.next_from_seq, batch.head_seq)
            if at_end and news:
                yield CaughtUp(self._topic, batch.head_seq)


class Watch(Subscription):
    """Follows topics over one stream.

    When the stream breaks, is silent for longer than its heartbeat allows, or the
    server drains or restarts, it is resumed, for as long as the client retries. If
    the server has forgotten the session, the cursors kept here are used. A topic
    that was deleted meanwhile is a TopicDeleted, and is followed again only if a
    prefix covers it. An error of one topic ends the watch, and its detail has the
    topic."""

    def __init__(
        self,
        transport: Transport,
        policy: Policy,
        request: Tuple[Starts, Starts, Mapping[str, Any]],
        on_loss: Optional[OnLoss],
    ) -> None:
        self._transport, self._policy = transport, policy
        self._topics, self._prefixes, self._options = request
        heartbeat = self._options.get("heartbeat_ms") or HEARTBEAT_MS
        heartbeat = min(max(heartbeat, SHORTEST_HEARTBEAT_MS), LONGEST_HEARTBEAT_MS)
        self._silence = heartbeat / 1000 + transport.timeout
        self._mu = threading.Lock()  # guards _stream and its closing
        self._stream: Optional[Stream] = None
        self._id = ""  # of the server's session
        # The last id that the stream gave, or where the session begins. It covers only
        # what has been delivered; the server may have sent more.
        self._last_id = ""
        self._opened = False  # the session may have had a stream
        self._begun = False  # there has been a session before
        #: The last seq accounted for of each known topic.
        self.cursors: Dict[str, int] = {}
        super().__init__(on_loss)

    def close(self) -> None:
        with self._mu:
            super().close()
            if self._stream is not None:
                self._stream.close()

    def _run(self) -> Iterator[Union[Event, Tombstone]]:
        attempts = Attempts(self._policy)
        while not self._closed.is_set():
            try:
                # Without the id of the last event the server would go on after what it has
                # sent, which may be more than what arrived.
                if self._id and (self._last_id or not self._opened):
                    try:
                        yield from self._follow(attempts)
                        return
                    except ApiError as error:
                        if error.code != "not_found":
                            raise
                        self._id = ""  # the server has forgotten the session, for example by a restart
                yield from self._create()
                yield from self._follow(attempts)
                return
            except TopicsError as error:
                if self._closed.is_set():
                    return
                self._closed.wait(attempts.failed(error, resumable(error)))

    def _create(self) -> Iterator[Event]:
        """Makes a session at the server that begins where this watch is."""
        topics, prefixes, lenient = self._topics, self._prefixes, None
        if self._begun:
            # Topics that are gone are reported below. One of a prefix that is not known was
            # made after the last session, so it is read from its beginning.
            topics = {topic: {"from_seq": seq} for topic, seq in self.cursors.items()}
            prefixes, lenient = {prefix: {"from_seq": 0} for prefix in self._prefixes}, True
        body = encode(topics=dict(topics), prefixes=dict(prefixes), **self._options)
        answer = parse(self._transport.request(Call("POST", "/v0/watch", parameters(lenient=lenient), body)))
        try:
            self._id, at = str(answer["wid"]), {t: int(p["from_seq"]) for t, p in answer["topics"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise UnexpectedAnswer("POST /v0/watch did not answer with a session") from error
        self._last_id, self._opened = str(answer.get("last_event_id", "")), False
        gone = [topic for topic in self.cursors if topic not in at] if self._begun else []
        self._begun = True
        lost = [TopicDeleted(topic, self.cursors.pop(topic), "deleted") for topic in gone]
        for topic, seq in at.items():
            self.cursors.setdefault(topic, seq)
        yield from lost

    def _follow(self, attempts: Attempts) -> Iterator[Union[Event, Tombstone]]:
        """Yields the events of the session's stream until it breaks, which is an error, or
        the watch is closed."""
        stream = Stream(self._transport, Call("GET", "/v0/watch/" + quote(self._id), last_id=self._last_id), self._silence)
        with self._mu:
            if self._closed.is_set():
                return
            self._stream = stream
        before, self._opened, began = self._opened, True, False
        try:
            for message in stream:
                if began:
                    attempts.succeeded()
                began = True
                if message is not None:
                    event = self._take(message)
                    if event is not None:
                        yield event
                    # Only now, because the id covers only what has been delivered.
                    self._last_id = message.id
        except ApiError as error:
            if not began and error.code:  # refused by the server itself, not by a proxy
                self._opened = before
            raise

    def _take(self, message: Message) -> Union[None, Event, Tombstone]:
        """Returns the part of a message that was not delivered before."""
        data = message.json()
        if message.event == "record":
            return self._records(decode(Records, data))
        if message.event == "tombstone":
            return self._tombstone(decode(Tombstone, data))
        if message.event == "caught-up":
            caught = decode(CaughtUp, data)
            if caught.topic in self.cursors:  # the seqs in between were filtered out
                self.cursors[caught.topic] = max(self.cursors[caught.topic], caught.head_seq)
            return caught
        if message.event == "topic-deleted":
            deleted = decode(TopicDeleted, data)
            if deleted.topic in self._topics:
                self.cursors[deleted.topic] = 0
            else:  # if it is made again, its prefix brings it back
                self.cursors.pop(deleted.topic, None)
            return deleted
        if message.event == "error":
            raise fault(data)
        return None  # of a later server

    def _records(self, event: Records) -> Optional[Records]:
        at = self.cursors.get(event.topic, 0)
        records = [r for r in event.records if r.seq > at]
        self.cursors[event.topic] = max(at, event.to_seq)
        if not records:
            return None
        return Records(event.topic, records, max(at, event.from_seq), event.to_seq, event.head_seq)

    def _tombstone(self, lost: Tombstone) -> Optional[Tombstone]:
        at = self.cursors.get(lost.topic, 0)
        # A topic that was made again starts at 1: its gap may lie below the cursor.
        if lost.reason != "recreated":
            if lost.gap_to <= at:
                return None
            if lost.gap_from <= at:
                lost = Tombstone(**{**lost.__dict__, "gap_from": at + 1})
        self.cursors[lost.topic] = lost.gap_to
        return lost
