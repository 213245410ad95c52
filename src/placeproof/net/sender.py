"""Sends one request and follows its redirects; what goes wrong is returned, not raised."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import requests
from requests.utils import default_user_agent
from urllib3.exceptions import HTTPError

from placeproof import __version__
from placeproof.errors import ForbiddenAddressError
from placeproof.net.addresses import (
    Resolver,
    host_of,
    public_addresses,
    require_public,
    require_web_address,
)
from placeproof.net.connections import GuardedAdapter
from placeproof.net.failures import Failure
from placeproof.net.keys import Mask
from placeproof.net.pace import Clock, Pace
from placeproof.net.redirects import Question, redirected
from placeproof.net.troubles import failure_of

_HEADERS = {
    "User-Agent": f"placeproof/{__version__} {default_user_agent()}",
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
}

_T = TypeVar("_T")
Read = Callable[[Question, requests.Response], _T]


class Sender:
    """Sends requests to hosts that may be asked, when it is their turn."""

    def __init__(
        self,
        *,
        mask: Mask,
        allow_private: bool,
        timeout_s: float,
        concurrent: int,
        pace: Pace,
        clock: Clock,
        look_up: Resolver,
    ) -> None:
        """As :class:`HttpClient`, of which it is a part."""
        self._mask = mask
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._pace = pace
        self._clock = clock
        self._look_up = look_up
        self._slots = threading.Semaphore(concurrent)
        self._adapter = GuardedAdapter(self._addresses_of, concurrent)

    def close(self) -> None:
        """Ends all connections; requests under way fail at once."""
        self._adapter.end_connections()
        self._adapter.close()

    def attempt(self, question: Question, read: Read[_T]) -> _T | Failure | ForbiddenAddressError:
        """What ``read`` makes of the answer to a request, or to the last of its redirects."""
        while True:
            outcome = self._send(question, read)
            if not isinstance(outcome, Question):
                return outcome
            question = outcome

    def _send(
        self, question: Question, read: Read[_T]
    ) -> _T | Question | Failure | ForbiddenAddressError:
        """What comes of one request: a value, a redirect, or an error that is not raised."""
        try:
            require_web_address(question.url)
            request = requests.Request(
                question.method,
                question.url,
                params=dict(question.params),
                headers={**_HEADERS, **question.headers},
                json=question.body,
            ).prepare()
            url = request.url or ""
            settings = self._settings_for(url)
            self._pace.turn(host_of(url))
            with self._slots:
                if self._clock.stopped:
                    return Failure("was not asked")
                # Not a session's send, which reads the whole body of a redirect.
                with self._adapter.send(request, timeout=self._timeout_s, **settings) as response:
                    following = redirected(question, url, response, self._mask)
                    return following or read(replace(question, url=url), response)
        except ForbiddenAddressError as error:
            return error
        except Failure as error:
            failure = error
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            failure = failure_of(error, self._timeout_s)
        failure.url = question.url
        return failure

    def _settings_for(self, url: str) -> dict[str, Any]:
        """How to send: proxies and certificates of the environment. Checks the address first."""
        (require_web_address if self._allow_private else require_public)(url)
        return requests.Session().merge_environment_settings(url, {}, True, None, None)

    def _addresses_of(self, host: str, port: int) -> list[str]:
        """Where connections to a host may go."""
        if self._allow_private:
            return self._look_up(host, port)
        return public_addresses(host, port, self._look_up)
