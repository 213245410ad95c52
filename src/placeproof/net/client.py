"""The HTTP client of everything that placeproof asks of a server.

It asks politely (a limit for each host, backoff with jitter, ``Retry-After``), distrusts what
comes back (size, time, redirects, content) and tells nobody its keys.
"""

import itertools
import logging
import random
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from requests import Response
from urllib3.util import parse_url

from placeproof.errors import ForbiddenAddressError
from placeproof.net.addresses import Resolver, host_of, resolve
from placeproof.net.answers import read_json, read_picture, require_success
from placeproof.net.failures import Failure, HttpError
from placeproof.net.keys import Mask
from placeproof.net.masked_logs import mask_in_logs
from placeproof.net.pace import Clock, Pace, backoff_s
from placeproof.net.redirects import Question
from placeproof.net.sender import Read, Sender

MOST_JSON_BYTES = 2**26
MOST_PICTURE_BYTES = 2**26
MOST_RETRY_AFTER_S = 120.0
_LONGEST_ANSWER = 15  # times the timeout: a server that sends a byte now and then is given up

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class HttpClient:
    """Asks servers; for any number of threads.

    Closing it ends all waits and connections, so that threads stop at once when a run is
    interrupted. With a pool of threads, close it before the pool waits for them::

        with ThreadPoolExecutor() as pool, HttpClient() as client:
            ...

    Sends no cookies and no passwords of a ``.netrc`` file. Certificates are checked. A proxy in
    the environment (``HTTPS_PROXY``, ``NO_PROXY``) is used; it looks names up itself, so that
    only what stands in an address is checked then.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str] = (),
        allow_private: bool = False,
        attempts: int = 5,
        timeout_s: float = 20.0,
        requests_per_second: float = 5.0,
        concurrent: int = 4,
        _clock: Clock | None = None,
        _resolve: Resolver = resolve,
    ) -> None:
        """Opens no connection yet.

        Args:
            keys: Secrets: masked in every log line and error, and not passed on by redirects.
            allow_private: Whether hosts in private networks, and this machine, may be asked.
            attempts: How often a request is sent before it counts as failed, at least 1.
            timeout_s: Seconds to wait for a connection, and for each part of an answer.
            requests_per_second: For each host.
            concurrent: Requests at a time, over all hosts, at least 1.
        """
        self._attempts = attempts
        self._longest_s = _LONGEST_ANSWER * timeout_s
        self._clock = _clock or Clock()
        self._pace = Pace(self._clock, requests_per_second)
        self._mask = Mask()
        self._sender = Sender(
            mask=self._mask,
            allow_private=allow_private,
            timeout_s=timeout_s,
            concurrent=concurrent,
            pace=self._pace,
            clock=self._clock,
            look_up=_resolve,
        )
        self.hide(*keys)

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON value at an address.

        Raises:
            HttpError: If it cannot be had, or is no JSON.
            ForbiddenAddressError: If the address, or one it redirects to, may not be fetched.
        """
        return self._ask(Question("GET", url, params or {}, headers or {}), self._json)

    def post_json(
        self,
        url: str,
        body: object,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON value that a server answers to one; may be sent again if no answer comes.

        Raises:
            HttpError: If it cannot be had, or is no JSON.
            ForbiddenAddressError: If the address may not be fetched.
        """
        return self._ask(Question("POST", url, params or {}, headers or {}, body), self._json)

    def get_picture(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_PICTURE_BYTES,
    ) -> bytes:
        """The file at an address, which begins as a picture that placeproof reads.

        Raises:
            HttpError: If it cannot be had, is no picture, or has more than ``most_bytes``.
            ForbiddenAddressError: If the address, or one it redirects to, may not be fetched.
        """

        def read(_question: Question, response: Response) -> bytes:
            self._require_success(response)
            return read_picture(response, most_bytes, self._clock, self._longest_s)

        return self._ask(Question("GET", url, params or {}, headers or {}), read)

    def follow_redirects(self, url: str) -> list[str]:
        """All addresses from a shortened one to the one that it stands for, in their order.

        No content is read, and what the last address answers does not matter.

        Raises:
            HttpError: If a server cannot be reached, or the first one knows no such address.
            ForbiddenAddressError: If one of the addresses may not be fetched.
        """

        def read(question: Question, response: Response) -> list[str]:
            if not question.before:
                self._require_success(response)
            return [*question.before, question.url]

        return self._ask(Question("GET", url), read)

    def hide(self, *secrets: str) -> None:
        """Has these treated like ``keys`` from now on: a session's token, for example."""
        self._mask.add(secrets)
        mask_in_logs(secrets)

    def close(self) -> None:
        """Ends all connections and waits; every request then raises, also those under way."""
        self._clock.stop()
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HttpClient({self._mask!r}, attempts={self._attempts})"

    def _json(self, _question: Question, response: Response) -> Any:
        self._require_success(response)
        return read_json(response, MOST_JSON_BYTES, self._clock, self._longest_s)

    def _require_success(self, response: Response) -> None:
        require_success(response, self._clock, self._longest_s)

    def _ask(self, question: Question, read: Read[_T]) -> _T:
        """What ``read`` makes of the answer, after as many attempts as it takes.

        Errors are raised here, outside of every handler, so that none carries another one along
        whose text may hold a key.
        """
        for attempt in itertools.count(1):
            outcome = self._sender.attempt(question, read)
            if isinstance(outcome, ForbiddenAddressError):
                raise ForbiddenAddressError(self._mask(str(outcome)))
            if not isinstance(outcome, Failure):
                return outcome
            failed = f"{_shown(outcome.url)} {outcome.reason}"
            if self._clock.stopped:
                failed = "the run was stopped before a server had answered"
            elif outcome.passing and (outcome.retry_after_s or 0) > MOST_RETRY_AFTER_S:
                failed += f" and asks to wait {outcome.retry_after_s:.0f} s; try again then"
            elif outcome.passing and attempt < self._attempts:
                _log.info("%s; asking again", self._mask(failed))
                self._hold_back(outcome, attempt)
                continue
            elif attempt > 1:
                failed += f", after {attempt} attempts"
            raise HttpError(self._mask(failed), outcome.status)
        raise AssertionError  # the count never ends

    def _hold_back(self, failure: Failure, failures: int) -> None:
        """Waits before the next attempt; the whole client where the server asks for it."""
        if failure.retry_after_s is not None:
            self._pace.hold(host_of(failure.url), failure.retry_after_s)
        self._clock.wait(backoff_s(failures, random.random()))


def _shown(url: str) -> str:
    """An address without what comes after its path, where keys and signatures stand."""
    parts = parse_url(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.host}{port}{parts.path or '/'}"[:200]
