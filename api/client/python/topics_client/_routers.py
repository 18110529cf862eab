"""Calls on routers."""

from __future__ import annotations

from typing import Iterator, Optional

from ._caller import PAGE, Caller, encode, parameters, quote
from ._decode import decode
from ._http import Call
from .types import RouterDeletion, RouterPut, RouterRequest, RouterState


class RouterCalls(Caller):
    """Calls on routers, which copy the records of one topic into another."""

    def put_router(self, router: str, settings: RouterRequest) -> RouterPut:
        """Creates or replaces a router."""
        return self._call(RouterPut, Call("PUT", "/v0/routers/" + quote(router), body=encode(**settings)))

    def router(self, router: str) -> RouterState:
        """Returns a router and its progress."""
        return self._call(RouterState, Call("GET", "/v0/routers/" + quote(router)))

    def routers(
        self,
        *,
        prefix: Optional[str] = None,
        source: Optional[str] = None,
        dest: Optional[str] = None,
        sort: Optional[str] = None,
        order: Optional[str] = None,
    ) -> Iterator[RouterState]:
        """Yields routers, sorted by name unless sort says otherwise."""
        query = parameters(prefix=prefix, source=source, dest=dest, sort=sort, order=order, page_size=PAGE)
        return self._pages("routers", "/v0/routers", query, lambda e: decode(RouterState, e))

    def delete_router(self, router: str) -> RouterDeletion:
        """Deletes a router; what it forwarded stays."""
        return self._call(RouterDeletion, Call("DELETE", "/v0/routers/" + quote(router)))
