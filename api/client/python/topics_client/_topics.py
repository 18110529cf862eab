"""Calls on topics and their records."""

from __future__ import annotations

import json
from typing import Iterator, Mapping, Optional, Sequence, Union

from ._caller import PAGE, Caller, encode, parameters, topic_path, wait_of
from ._decode import decode
from ._http import Call
from .errors import RecordsLost
from .follow import Follow, OnLoss, Watch
from .types import (
    Batch,
    ConfigRequest,
    Configured,
    Entry,
    ListedTopic,
    Match,
    Preview,
    RecordsDeletion,
    Start,
    TopicDeletion,
    TopicState,
    Written,
)


class TopicCalls(Caller):
    """Calls on topics and their records."""

    def put_topic(self, topic: str, config: Optional[ConfigRequest] = None) -> Configured:
        """Creates a topic, or replaces its config: what is left out is the default."""
        return self._call(Configured, Call("PUT", topic_path(topic), body=encode(**(config or {}))))

    def patch_topic(self, topic: str, changes: ConfigRequest) -> Configured:
        """Changes parts of a topic's config. It does not create the topic."""
        # None is a value here, not something that is left out.
        return self._call(Configured, Call("PATCH", topic_path(topic), body=json.dumps(changes).encode()))

    def topic(self, topic: str, *, touch: bool = False) -> TopicState:
        """Returns a topic's state."""
        return self._call(TopicState, Call("GET", topic_path(topic), parameters(touch=touch)))

    def topics(
        self,
        *,
        prefix: Optional[str] = None,
        contains: Optional[str] = None,
        type: Optional[str] = None,
        class_: Optional[str] = None,
        sort: Optional[str] = None,
        order: Optional[str] = None,
    ) -> Iterator[ListedTopic]:
        """Yields topics, sorted by name unless sort says otherwise."""
        query = parameters(prefix=prefix, contains=contains, type=type, sort=sort, order=order, page_size=PAGE)
        if class_ is not None:
            query["class"] = class_
        return self._pages("topics", "/v0/topics", query, lambda e: decode(ListedTopic, e))

    def delete_topic(self, topic: str, *, if_empty: bool = False) -> TopicDeletion:
        """Deletes a topic; deleting an absent one is no error. After a retry, deleted
        may be False although an earlier attempt deleted the topic."""
        return self._call(TopicDeletion, Call("DELETE", topic_path(topic), parameters(if_empty=if_empty)))

    def preview_topic(self, topic: str) -> Preview:
        """Returns what delete_topic would take, and changes nothing."""
        return self._call(Preview, Call("DELETE", topic_path(topic), parameters(dry_run=True)))

    def append(
        self,
        topic: str,
        records: Sequence[Entry],
        *,
        node: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        create: Optional[bool] = None,
        config: Optional[ConfigRequest] = None,
        expected_head_seq: Optional[int] = None,
        disable_backpressure: Optional[bool] = None,
        return_seqs: Optional[bool] = None,
    ) -> Written:
        """Appends records: all of them or none.

        A write that the server refused without starting it (429, or 503 while it
        starts or stops) is retried. After a failure whose outcome is unknown, only a
        write with an idempotency key is: it is appended once."""
        body = encode(
            records=list(records),
            node=node,
            idempotency_key=idempotency_key,
            create=create,
            config=config,
            expected_head_seq=expected_head_seq,
            disable_backpressure=disable_backpressure,
        )
        query = parameters(return_seqs=return_seqs)
        return self._call(Written, Call("POST", topic_path(topic), query, body, repeatable=bool(idempotency_key)))

    def read(
        self,
        topic: str,
        from_seq: Optional[int] = None,
        *,
        from_ts: Optional[int] = None,
        limit: Optional[int] = None,
        max_batch_bytes: Optional[int] = None,
        wait_ms: Optional[int] = None,
        node: Union[None, str, Sequence[str]] = None,
        match: Optional[Match] = None,
        include_tags: Optional[bool] = None,
        include_meta: Optional[bool] = None,
        preview_bytes: Optional[int] = None,
        touch: Optional[bool] = None,
        on_loss: Optional[OnLoss] = None,
    ) -> Batch:
        """Returns the records after from_seq; the next read begins at next_from_seq.
        With wait_ms it is a long poll.

        If records are lost, on_loss is called with the tombstone, and the records that
        follow are returned. Without it RecordsLost is raised: to go on, read from its
        tombstone.gap_to."""
        body = encode(
            from_seq=from_seq,
            from_ts=from_ts,
            limit=limit,
            max_batch_bytes=max_batch_bytes,
            wait_ms=wait_ms,
            node=node,
            match=match,
            include_tags=include_tags,
            include_meta=include_meta,
            preview_bytes=preview_bytes,
            touch=touch,
        )
        answer = self._ask(Call("POST", topic_path(topic, "diff"), body=body, wait=wait_of(wait_ms)))
        if isinstance(answer.get("tombstone"), dict):
            answer["tombstone"]["topic"] = topic
        batch = decode(Batch, answer)
        if batch.tombstone is not None:
            if on_loss is None:
                raise RecordsLost(batch.tombstone)
            on_loss(batch.tombstone)
        return batch

    def follow(
        self,
        topic: str,
        from_seq: int = 0,
        *,
        limit: Optional[int] = None,
        max_batch_bytes: Optional[int] = None,
        node: Union[None, str, Sequence[str]] = None,
        match: Optional[Match] = None,
        include_tags: Optional[bool] = None,
        include_meta: Optional[bool] = None,
        on_loss: Optional[OnLoss] = None,
    ) -> Follow:
        """Follows one topic by long polls, for networks that do not pass streams."""

        def read(after: int, wait_ms: int, lost: OnLoss) -> Batch:
            return self.read(
                topic,
                after,
                limit=limit,
                max_batch_bytes=max_batch_bytes,
                wait_ms=wait_ms,
                node=node,
                match=match,
                include_tags=include_tags,
                include_meta=include_meta,
                on_loss=lost,
            )

        return Follow(topic, from_seq, read, on_loss)

    def watch(
        self,
        topics: Optional[Mapping[str, Start]] = None,
        *,
        prefixes: Optional[Mapping[str, Start]] = None,
        node: Union[None, str, Sequence[str]] = None,
        match: Optional[Match] = None,
        limit: Optional[int] = None,
        max_batch_bytes: Optional[int] = None,
        heartbeat_ms: Optional[int] = None,
        include_meta: Optional[bool] = None,
        include_tags: Optional[bool] = None,
        include_data: Optional[bool] = None,
        preview_bytes: Optional[int] = None,
        touch: Optional[bool] = None,
        consistency: Optional[str] = None,
        on_loss: Optional[OnLoss] = None,
    ) -> Watch:
        """Follows topics, and all whose names begin with one of the prefixes, over one
        stream, which is resumed when it breaks and when the server restarts."""
        options = {
            "node": node,
            "match": match,
            "limit": limit,
            "max_batch_bytes": max_batch_bytes,
            "heartbeat_ms": heartbeat_ms,
            "include_meta": include_meta,
            "include_tags": include_tags,
            "include_data": include_data,
            "preview_bytes": preview_bytes,
            "touch": touch,
            "consistency": consistency,
        }
        return Watch(self._transport, self._policy, (topics or {}, prefixes or {}, options), on_loss)

    def delete_records(
        self, topic: str, *, before_seq: Optional[int] = None, match: Optional[Match] = None
    ) -> RecordsDeletion:
        """Deletes records for good: those below a seq, those whose tags match, or with
        both, those of which both is true. It is not retried after a failure whose
        outcome is unknown: the head may have moved, and a repeat would delete more."""
        body = encode(before_seq=before_seq, match=match)
        return self._call(RecordsDeletion, Call("POST", topic_path(topic, "delete"), body=body, repeatable=False))

    def preview_records(
        self, topic: str, *, before_seq: Optional[int] = None, match: Optional[Match] = None
    ) -> Preview:
        """Returns what delete_records would take, and changes nothing."""
        body = encode(before_seq=before_seq, match=match, dry_run=True)
        return self._call(Preview, Call("POST", topic_path(topic, "delete"), body=body))
