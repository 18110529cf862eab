"""HTTP over connections that are kept, with http.client."""

from __future__ import annotations

import http.client
import selectors
import socket
import ssl
import threading
import urllib.parse
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional

from ._decode import parse
from ._sse import Message, messages
from .errors import ApiError, NoAnswer, UnexpectedAnswer

# What a broken or foreign connection raises.
FAILURES = (OSError, http.client.HTTPException)


@dataclass
class Call:
    """One request to the server."""

    method: str
    path: str
    query: Optional[Mapping[str, str]] = None
    body: Optional[bytes] = None
    #: How long the server may wait before it answers, in seconds.
    wait: float = 0.0
    #: Repeating the call after an unknown outcome is harmless.
    repeatable: bool = True
    #: Sets X-Confirm, which calls of administrators require.
    confirm: bool = False
    #: Last-Event-ID of a resumed stream.
    last_id: str = ""
    #: All attempts together end after so many seconds; None is no limit.
    limit: Optional[float] = None
    #: A 503 whose body has this field is no refusal, but a report that was asked for.
    report: str = ""


class Transport:
    """Sends requests to one server. It is safe for concurrent use."""

    def __init__(self, url: str, key: str, timeout: float, tls: Optional[ssl.SSLContext]) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError(f"server address {url!r} must be http://host:port")
        if any(not "!" <= c <= "~" for c in key):
            raise ValueError("the API key may contain only visible ASCII characters")
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        # A name that the server does not know is a mistake: X-Strict makes it an error.
        self._headers = {"X-Strict": "true"}
        if key:
            self._headers["Authorization"] = "Bearer " + key
        self.timeout = timeout
        self._mu = threading.Lock()
        self._idle: List[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Closes idle connections."""
        with self._mu:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def request(self, call: Call, limit: Optional[float] = None) -> bytes:
        """Sends the call once and returns the body of its success. A silence of the
        server that is longer than the timeout, or the limit, is a failure."""
        timeout = self.timeout + call.wait
        if limit is not None:
            timeout = max(0.001, min(timeout, limit))
        connection = self._connection(timeout)
        try:
            answer = self._send(connection, call, {})
            body = answer.read()
        except FAILURES as error:
            connection.close()
            raise NoAnswer(f"{call.method} {call.path}: {_words(error)}") from error
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            with self._mu:
                self._idle.append(connection)
        if answer.status >= 300 and not _reports(call, answer.status, body):
            raise refusal(answer.status, answer.headers, body)
        return body

    def stream(self, call: Call, silence: float) -> "Stream":
        """Opens a stream, which is dead when it is silent for so many seconds."""
        return Stream(self, call, silence)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        """Returns an idle connection that the server has not closed, or a fresh one."""
        while True:
            with self._mu:
                if not self._idle:
                    return self._fresh(timeout)
                connection = self._idle.pop()
            if connection.sock is not None and not _readable(connection.sock):
                connection.sock.settimeout(timeout)
                return connection
            connection.close()

    def _fresh(self, timeout: float) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _send(
        self, connection: http.client.HTTPConnection, call: Call, extra: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        headers: Dict[str, str] = {**self._headers, **extra}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if call.confirm:
            headers["X-Confirm"] = "true"
        target = self._prefix + call.path
        if call.query:
            target += "?" + urllib.parse.urlencode(call.query)
        connection.request(call.method, target, call.body, headers)
        return connection.getresponse()


class Stream:
    """A stream of events. It can be closed by another thread."""

    def __init__(self, transport: Transport, call: Call, silence: float) -> None:
        self._transport, self._call, self._silence = transport, call, silence
        self._mu = threading.Lock()
        self._closed = False
        self._socket: Optional[socket.socket] = None

    def __iter__(self) -> Iterator[Optional[Message]]:
        """Opens the stream and yields its messages, and None for each other sign of
        life, the opening included. It ends only with an error."""
        connection = self._transport._fresh(self._transport.timeout)
        call = self._call
        extra = {"Accept": "text/event-stream"}
        if call.last_id:
            extra["Last-Event-ID"] = call.last_id
        try:
            connection.connect()
            with self._mu:
                if self._closed:
                    raise ConnectionAbortedError("the stream was closed")
                self._socket = connection.sock
            connection.sock.settimeout(self._silence)
            answer = self._transport._send(connection, call, extra)
            if answer.status != 200:
                raise refusal(answer.status, answer.headers, answer.read())
            if answer.headers.get_content_type() != "text/event-stream":
                raise UnexpectedAnswer(f"{call.path} is not a stream of events")
            yield None
            yield from messages(lambda: answer.read1(1 << 16), call.last_id)
        except FAILURES as error:
            raise NoAnswer(f"{call.method} {call.path}: {_words(error)}") from error
        except ValueError as error:  # reading what was closed meanwhile
            raise NoAnswer(f"{call.method} {call.path}: {error}") from error
        finally:
            with self._mu:
                self._socket = None
            connection.close()

    def close(self) -> None:
        """Ends the stream: whoever reads from it gets an error."""
        with self._mu:
            self._closed = True
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it has ended by itself


def _readable(sock: socket.socket) -> bool:
    """Reports whether an idle connection has something to read, which can only be
    its end."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _reports(call: Call, status: int, body: bytes) -> bool:
    """Reports whether an answer is a report of the call in spite of its status."""
    if not call.report or status != 503:
        return False
    try:
        return call.report in parse(body)
    except UnexpectedAnswer:
        return False


def refusal(status: int, headers: http.client.HTTPMessage, body: bytes) -> ApiError:
    """Returns the error of an answer."""
    wait = headers.get("Retry-After", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() else 0.0
    try:
        error = parse(body)["error"]
        return ApiError(status, str(error["code"]), str(error["message"]), error.get("detail"), retry_after)
    except (UnexpectedAnswer, KeyError, TypeError, AttributeError):
        message = http.client.responses.get(status, "")
        if headers.get("Location"):
            message += ", to " + headers["Location"]
        return ApiError(status, "", message, None, retry_after)
