"""Runs code of somebody else's without letting it use the network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from placeproof.errors import DownloadNotAllowedError

_EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})
_hint: ContextVar[str | None] = ContextVar("hint", default=None)


@contextmanager
def no_network(hint: str) -> Iterator[None]:
    """Whatever Python code connects to anything inside, an error is raised there.

    It guards against what well-meant code does by default, such as a download; code that is bent
    on it finds other ways.

    Args:
        hint: What the error says.

    Raises:
        DownloadNotAllowedError: Where a connection is tried.
    """
    _watch()
    token = _hint.set(hint)
    try:
        yield
    finally:
        _hint.reset(token)


@cache
def _watch() -> None:
    """Begins to see every connection of this process; Python offers no way to end that."""
    sys.addaudithook(_forbid)


def _forbid(event: str, _arguments: object) -> None:
    if event in _EVENTS and (hint := _hint.get()) is not None:
        raise DownloadNotAllowedError(hint)
