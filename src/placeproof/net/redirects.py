"""One request, and the one that a redirect turns it into."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin

from requests import Response
from urllib3.util import parse_url

from placeproof.net.failures import Failure
from placeproof.net.keys import Mask

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Question:
    """A request.

    Attributes:
        method: "GET" or "POST".
        url: The address, with or without a query.
        params: Added to the query.
        headers: Sent to the host of ``url`` and to no other; they may hold a key.
        body: Sent as JSON where there is one.
        before: The addresses that redirected to this one, the first one first.
    """

    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    before: tuple[str, ...] = field(default=(), repr=False)


def redirected(question: Question, asked: str, response: Response, mask: Mask) -> Question | None:
    """The request that a redirect leads to, or None where an answer is no redirect.

    Args:
        question: What was asked.
        asked: The whole address that was asked, with its query.
        response: The answer.
        mask: Knows the keys; none of them follows to another host.

    Raises:
        Failure: If the redirect is not followed.
    """
    if response.status_code not in _REDIRECTS:
        return None
    status = response.status_code
    if question.method != "GET":
        raise Failure("redirects what was sent to it, which is not followed", status=status)
    if len(question.before) == MOST_REDIRECTS:
        raise Failure(f"redirects more than {MOST_REDIRECTS} times", status=status)
    target = _target(asked, response)
    if target is None:
        raise Failure("redirects to nowhere", status=status)
    same = _origin(asked) == _origin(target)
    if not same and mask(target) != target:
        raise Failure("redirects to another host and passes the key on", status=status)
    return replace(
        question,
        url=target,
        params={},
        headers=question.headers if same else {},
        before=(*question.before, asked),
    )


def _target(asked: str, response: Response) -> str | None:
    """The address that a redirect names, or None where it names none."""
    location = response.headers.get("Location", "").strip()
    with contextlib.suppress(UnicodeError):  # headers are read as Latin-1; many send UTF-8
        location = location.encode("latin-1").decode()
    try:
        target = urljoin(asked, location)
        parse_url(target)
    except ValueError:
        return None
    return target if location else None


def _origin(url: str) -> tuple[str | None, str | None, int | None]:
    parts = parse_url(url)
    return parts.scheme, parts.host, parts.port or _DEFAULT_PORTS.get(parts.scheme or "")
