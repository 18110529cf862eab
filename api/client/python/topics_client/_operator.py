"""Calls of operators."""

from __future__ import annotations

from typing import Optional

from ._caller import Caller, encode, parameters, quote
from ._decode import decode, parse
from ._http import Call
from .operator import (
    Alive,
    AuditTrail,
    Backups,
    BackupVerified,
    CheckpointReport,
    ErasureState,
    HealthReport,
    History,
    Identity,
    RequestCancellation,
    RequestPage,
    SessionPage,
    Stats,
    VerifyState,
)

# How much longer than others a checkpoint may take, in seconds.
CHECKPOINT_WAIT = 600.0


class OperatorCalls(Caller):
    """Calls of operators. They need the scope admin-read, those that change something
    admin-write; whoami is for any key, and health and checks need none."""

    def whoami(self) -> Identity:
        """Returns what the client's key may do."""
        return self._call(Identity, Call("GET", "/v0/whoami"))

    def health(self) -> Alive:
        """Returns that the process serves requests, which it does during recovery too. It
        is not retried."""
        return decode(Alive, parse(self._transport.request(Call("GET", "/v0/health"))))

    def checks(self) -> HealthReport:
        """Returns what the checks of the server's health found, whatever that is. It is
        not retried."""
        return decode(HealthReport, parse(self._transport.request(Call("GET", "/health", report="checks"))))

    def stats(self, *, prefix: Optional[str] = None) -> Stats:
        """Returns an overview of the server, in every phase. With a prefix, within has
        the totals of the topics whose names begin so."""
        return self._call(Stats, Call("GET", "/v0/admin/stats", parameters(prefix=prefix)))

    def history(self, *, span: Optional[str] = None, step: Optional[str] = None) -> History:
        """Returns the last span in steps, such as "1h" and "5s"."""
        return self._call(History, Call("GET", "/v0/admin/history", parameters(span=span, step=step)))

    def requests(self, *, limit: Optional[int] = None, offset: Optional[int] = None) -> RequestPage:
        """Returns the requests in progress, the oldest first: 100, or limit, which may be
        up to 1000."""
        return self._call(RequestPage, Call("GET", "/v0/admin/requests", parameters(limit=limit, offset=offset)))

    def cancel_request(self, id: str) -> RequestCancellation:
        """Cancels a request that waits. Any other is carried out, and the answer has the
        reason."""
        path = f"/v0/admin/requests/{quote(id)}/cancel"
        return self._call(RequestCancellation, Call("POST", path, repeatable=False, confirm=True))

    def sessions(
        self,
        *,
        key: Optional[str] = None,
        topic: Optional[str] = None,
        prefix: Optional[str] = None,
        limit: Optional[int] = None,
        offset: Optional[int] = None,
    ) -> SessionPage:
        """Returns the watch sessions, streams of jobs and WebSockets, the oldest first:
        100, or limit, which may be up to 1000. key is the id of one."""
        query = parameters(key=key, topic=topic, prefix=prefix, limit=limit, offset=offset)
        return self._call(SessionPage, Call("GET", "/v0/admin/sessions", query))

    def close_session(self, id: str) -> None:
        """Ends a session, stream or WebSocket. Its client gets the error session_closed."""
        self._ask(Call("POST", f"/v0/admin/sessions/{quote(id)}/close", repeatable=False, confirm=True))

    def checkpoint(self) -> CheckpointReport:
        """Writes a checkpoint, and returns when it is durable."""
        return self._call(CheckpointReport, Call("POST", "/v0/admin/checkpoint", wait=CHECKPOINT_WAIT, confirm=True))

    def start_verify(self) -> VerifyState:
        """Begins a check of everything that is stored, unless one is in progress, and
        returns how that one is doing."""
        return self._call(VerifyState, Call("POST", "/v0/admin/verify", parameters(wait=False), confirm=True))

    def verify_state(self) -> VerifyState:
        """Returns how the check in progress is doing, or how the last one ended."""
        return self._call(VerifyState, Call("GET", "/v0/admin/verify"))

    def start_erasure(self) -> ErasureState:
        """Begins to erase from the disk what was deleted, evicted or has expired, and
        returns how that is doing. While there is an erasure it is an ApiError with the
        code throttled, which is retried: its receipt would not hold for what was
        deleted since."""
        call = Call("POST", "/v0/admin/compact", parameters(wait=False), repeatable=False, confirm=True)
        return self._call(ErasureState, call)

    def erasure_state(self) -> ErasureState:
        """Returns how the erasure in progress is doing, or how the last one ended."""
        return self._call(ErasureState, Call("GET", "/v0/admin/compact"))

    def backups(self) -> Backups:
        """Returns the last backups, at most 20, the newest first."""
        return self._call(Backups, Call("GET", "/v0/admin/backups"))

    def backup_verified(self, through_ts: int) -> BackupVerified:
        """Notes that a copy of the backup that has all of what was acknowledged before a
        time was checked and has no fault."""
        body = encode(through_ts=through_ts)
        return self._call(BackupVerified, Call("POST", "/v0/admin/backups/verified", body=body, confirm=True))

    def audit(self, *, limit: Optional[int] = None, reads: Optional[bool] = None) -> AuditTrail:
        """Returns the last calls of administrators, and those that changed something or
        tried to, the newest first: 100, or limit, which may be up to 1000. reads=False
        leaves out reads."""
        return self._call(AuditTrail, Call("GET", "/v0/admin/audit", parameters(limit=limit, reads=reads)))
