"""What an exception of requests, urllib3 or the system means, in words without an address."""

from collections.abc import Iterator

import requests
from urllib3.exceptions import NameResolutionError

from placeproof.net.failures import Failure


def failure_of(error: Exception, timeout_s: float) -> Failure:
    """The failed attempt that an exception stands for.

    Only words of ours: an exception's own text holds the whole address, with keys in it.
    """
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    if any("CERTIFICATE_VERIFY_FAILED" in str(cause) for cause in causes):
        return Failure("has a certificate that is not valid")
    if any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes):
        return Failure("cannot be reached through the proxy of the environment", passing=True)
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return Failure("has no address that can be found: is the internet there?", passing=True)
    if any("Timeout" in name for name in names) and "ReadTimeoutError" not in names:
        return Failure(f"cannot be reached within {timeout_s:g} s", passing=True)
    if "ReadTimeoutError" in names or "TimeoutError" in names:
        return Failure(f"has not answered for {timeout_s:g} s", passing=True)
    if "NewConnectionError" in names:
        return Failure("cannot be reached", passing=True)
    if isinstance(error, ValueError):  # requests': an address or header that cannot be sent
        return Failure("cannot be asked: the address or a header is damaged")
    return Failure("breaks the connection off", passing=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it wraps, as ``reason``, argument, cause or context."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [*found.args, found.__cause__, found.__context__]
            waiting.append(getattr(found, "reason", None))
