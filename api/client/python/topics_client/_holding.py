"""Calls on jobs that are held."""

from __future__ import annotations

from typing import Any, Sequence

from ._caller import encode, topic_path
from ._http import Call
from .jobs import Job


def settle(queue: str, verb: str, node: str, jobs: Sequence[Job], **fields: Any) -> Call:
    """Returns an ack, nack or extension. It names the leases, and so may be repeated."""
    body = encode(node=node, seqs=[j.seq for j in jobs], lease_ids=[j.lease_id for j in jobs], **fields)
    return Call("POST", topic_path(queue, verb), body=body)
