"""Reads text/event-stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional

from ._decode import parse
from .errors import ApiError

# Far above what the server sends; it keeps another program at its address from
# filling the memory.
MAX_MESSAGE = 256 << 20


@dataclass(frozen=True)
class Message:
    """One event of a stream."""

    event: str
    #: The last id in the stream, possibly from an earlier message.
    id: str
    data: bytes

    def json(self) -> Dict[str, Any]:
        return parse(self.data)


def messages(read: Callable[[], bytes], last_id: str) -> Iterator[Optional[Message]]:
    """Yields the messages of a stream, and None for each comment. A stream never
    ends in order: its end is a ConnectionError."""
    event, data, size = "", [], 0  # type: str, List[bytes], int
    for line in _lines(read):
        if not line:
            if data:
                yield Message(event, last_id, b"\n".join(data))
            event, data, size = "", [], 0  # an event without data is discarded
            continue
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if not name:
            yield None
        elif name == b"event":
            event = value.decode()
        elif name == b"id" and b"\0" not in value:
            last_id = value.decode()
        elif name == b"data":
            size += len(value)
            if size > MAX_MESSAGE:
                raise ConnectionError(f"message is longer than {MAX_MESSAGE} bytes")
            data.append(value)
        # retry is for browsers: the pauses of this package grow and are randomized.


def _lines(read: Callable[[], bytes]) -> Iterator[bytes]:
    pieces: List[bytes] = []  # of a line whose end has not arrived
    size = 0
    while True:
        some = read()
        if not some:
            raise ConnectionError("the stream ended")
        first, *rest = some.split(b"\n")
        pieces.append(first)
        size += len(first)
        if size > MAX_MESSAGE:
            raise ConnectionError(f"line is longer than {MAX_MESSAGE} bytes")
        for following in rest:
            line = b"".join(pieces)
            yield line[:-1] if line.endswith(b"\r") else line
            pieces, size = [following], len(following)


def fault(data: Dict[str, Any]) -> ApiError:
    """Returns the error that an event of that name describes."""
    detail = dict(data.get("detail") or {})
    if data.get("topic"):
        detail["topic"] = data["topic"]
    return ApiError(
        int(data.get("code", 0)),
        str(data.get("error", "")),
        str(data.get("message", "")),
        detail,
        float(data.get("retry_after_ms", 0)) / 1000,
    )
